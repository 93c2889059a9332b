// Workers that break the protocol, or keep it in ways that Python's never does.

#include "profiles/worker_fixture.hpp"

#include "charmer/supervision/errors.hpp"
#include "charmer/wire/spawner.hpp"

using namespace charmer;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct peer_fixture : worker_fixture {
  peer_fixture() { settings.max_frame_bytes = 100'000; }

  started start_peer(const std::string& behaviour) {
    process_profile peers{
        wire::spawner::instance(),
        [behaviour](const pool_settings& pool,
                    const std::string&) -> caf::expected<wire::command_line> {
          return wire::command_line{
              .arguments = {"/usr/bin/python3", "-S", "-E",
                            CHARMER_TEST_DATA "/peer.py", behaviour},
              .directory = pool.cwd};
        }};
    return start_with(peers);
  }

  started start_ready_peer(const std::string& behaviour) {
    auto x = start_peer(behaviour);
    if (!x.host->await_ready())
      FAIL("not ready: " << describe(x.host->await_death()->reason));
    return x;
  }

  failure death_of(const started& x) {
    auto death = x.host->await_death();
    REQUIRE(death);
    CHECK_EQ(x.host->times_died(), 1);
    code = static_cast<pool_errc>(death->reason.code());
    return failure_of(death->reason);
  }

  pool_errc code = pool_errc::none;
};

} // namespace

TEST_SUITE_BEGIN("wrong peers");

// -- starting -----------------------------------------------------------------

TEST_CASE_FIXTURE(peer_fixture, "no handshake in time: killed") {
  settings.start_timeout = 200ms;
  auto what = death_of(start_peer("silent"));
  CHECK_EQ(code, pool_errc::start_failed);
  CHECK(contains(what.text, "no handshake within start_timeout (200ms)"));
  CHECK_NE(what.signal, 0);
}

TEST_CASE_FIXTURE(peer_fixture, "another version: both are named") {
  auto what = death_of(start_peer("old"));
  CHECK_EQ(code, pool_errc::start_failed);
  CHECK(contains(what.text, "version 99"));
  CHECK(contains(what.text, "version 1"));
}

TEST_CASE_FIXTURE(peer_fixture, "an end before the handshake: stderr tells") {
  auto what = death_of(start_peer("ends_early"));
  CHECK_EQ(code, pool_errc::start_failed);
  CHECK_EQ(what.exit_code, 5);
  REQUIRE_EQ(what.stderr_tail.size(), 1);
  CHECK_EQ(what.stderr_tail[0], "cannot go on");
}

TEST_CASE_FIXTURE(peer_fixture, "no such program, no such directory") {
  process_profile nothing{
      wire::spawner::instance(), [](const pool_settings&, const std::string&) {
        return caf::expected<wire::command_line>{
            wire::command_line{.arguments = {"/no/such/python"}}};
      }};
  auto what = death_of(start_with(nothing));
  CHECK_EQ(code, pool_errc::start_failed);
  CHECK(contains(what.text, "/no/such/python: No such file"));
  settings.cwd = "/no/such/folder";
  what = death_of(start_peer("silent"));
  CHECK_EQ(code, pool_errc::start_failed);
  CHECK(contains(what.text, "/no/such/folder: No such file"));
}

// -- frames -------------------------------------------------------------------

TEST_CASE_FIXTURE(peer_fixture, "what is no frame ends that worker") {
  struct kind {
    const char* behaviour;
    const char* text;
  };
  for (auto& x : {kind{"garbage", "announced a frame of"},
                  kind{"huge_length", "a frame of 4294967295 bytes"},
                  kind{"above_limit", "a frame of 100001 bytes"},
                  kind{"broken_protobuf", "no frame"}}) {
    CAPTURE(x.behaviour);
    auto worker = start_ready_peer(x.behaviour);
    begin(worker, "anything");
    auto what = death_of(worker);
    CHECK_EQ(code, pool_errc::protocol_error);
    CHECK(contains(what.text, x.text));
    CHECK_EQ(what.signal, SIGKILL);
  }
}

TEST_CASE_FIXTURE(peer_fixture, "a frame at the limit is taken, an unknown one "
                                "skipped") {
  auto worker = start_ready_peer("at_limit");
  CHECK_EQ(call(worker, "anything").json, R"("here")");
  CHECK_EQ(call(worker, "anything").json, R"("here")");
  stop(worker);
}

TEST_CASE_FIXTURE(peer_fixture, "unknown ids and second answers change "
                                "nothing") {
  auto worker = start_ready_peer("strange_ids");
  for (int i = 0; i < 3; ++i)
    CHECK_EQ(call(worker, "anything").json, R"("here")");
  CHECK_EQ(worker.host->times_ready(), 1);
  stop(worker);
}

TEST_CASE_FIXTURE(peer_fixture,
                  "half a frame and silence: it can be expelled") {
  auto worker = start_ready_peer("half_a_frame");
  begin(worker, "anything");
  cast(worker.handle, expel_atom_v);
  death_of(worker);
  CHECK(worker.host->await_death()->planned);
}

TEST_CASE_FIXTURE(peer_fixture, "a death in the middle of a reply") {
  auto worker = start_ready_peer("dies_in_a_reply");
  begin(worker, "anything");
  CHECK_EQ(death_of(worker).signal, SIGKILL);
  CHECK_EQ(code, pool_errc::worker_died);
}

// -- streams and questions ----------------------------------------------------

TEST_CASE_FIXTURE(peer_fixture, "a stream that breaks the rules ends its "
                                "worker") {
  struct kind {
    const char* behaviour;
    std::uint32_t window;
    const char* text;
  };
  for (auto& x : {kind{"sends_more_than_granted", 16, "without credit"},
                  kind{"skips_a_chunk", 16, "out of order"},
                  kind{"miscounts", 16, "of 1 chunks after 2"},
                  kind{"answers_with_a_result", 16, "with a result"},
                  kind{"answers_with_a_chunk", 0, "what is no stream"},
                  kind{"answers_with_an_end", 0, "ended a stream"}}) {
    CAPTURE(x.behaviour);
    auto worker = start_ready_peer(x.behaviour);
    caller->request(
        worker.handle, 20s,
        invocation{"anything", payload::json("[]"), {.window = x.window}});
    auto what = death_of(worker);
    CHECK_EQ(code, pool_errc::protocol_error);
    CHECK(contains(what.text, x.text));
  }
}

TEST_CASE_FIXTURE(peer_fixture, "chunks of requests that there are not are "
                                "dropped") {
  auto worker = start_ready_peer("chunks_of_nobody");
  for (int i = 0; i < 3; ++i)
    CHECK_EQ(call(worker, "anything").json, R"("here")");
  stop(worker);
}

TEST_CASE_FIXTURE(peer_fixture, "questions without end are not kept without "
                                "end") {
  auto worker = start_ready_peer("asks_without_end");
  CHECK_EQ(call(worker, "anything").json, R"("here")");
  REQUIRE(worker.host->await_question(256));
  CHECK_FALSE(worker.host->has_question(257));
  auto first = *worker.host->await_question(1);
  cast(first.asker, answer_atom_v, first.number, payload::json("1"));
  CHECK(worker.host->await_question(257));
  stop(worker);
}

TEST_CASE_FIXTURE(peer_fixture, "a question that had to wait has the time that "
                                "is left, and is not put without") {
  auto worker = start_ready_peer("asks_with_limits");
  call(worker, "anything");
  REQUIRE(worker.host->await_question(256));
  for (auto n : {1, 2}) {
    auto done = *worker.host->await_question(n);
    cast(done.asker, answer_atom_v, done.number, payload::json("1"));
  }
  auto next = worker.host->await_question(257);
  REQUIRE(next);
  CHECK_EQ(next->number, 258);
  CHECK(next->time_left > 0s);
  CHECK(next->time_left < 1000s);
  auto last = worker.host->await_question(258);
  REQUIRE(last);
  CHECK_EQ(last->number, 259);
  CHECK(last->time_left == infinite);
  stop(worker);
}

TEST_CASE_FIXTURE(peer_fixture, "questions without time left keep no other "
                                "from waiting") {
  auto worker = start_ready_peer("asks_without_time");
  call(worker, "anything");
  REQUIRE(worker.host->await_question(256));
  auto first = *worker.host->await_question(1);
  cast(first.asker, answer_atom_v, first.number, payload::json("1"));
  auto next = worker.host->await_question(257);
  REQUIRE(next);
  CHECK_EQ(next->number, 20'000);
  stop(worker);
}

// -- pipes --------------------------------------------------------------------

TEST_CASE_FIXTURE(peer_fixture, "stdout closed but alive: ended") {
  auto worker = start_ready_peer("closes_stdout");
  begin(worker, "anything");
  auto what = death_of(worker);
  CHECK_EQ(code, pool_errc::protocol_error);
  CHECK(contains(what.text, "closed"));
}

TEST_CASE_FIXTURE(peer_fixture, "stdin closed but alive: ended") {
  auto worker = start_ready_peer("closes_stdin");
  CHECK(eventually([&] {
    begin(worker, "anything");
    std::this_thread::sleep_for(1ms);
    return worker.host->times_died() == 1;
  }));
  death_of(worker);
  CHECK_EQ(code, pool_errc::protocol_error);
}

TEST_CASE_FIXTURE(peer_fixture, "one that never reads holds up nobody") {
  settings.max_frame_bytes = 64 << 20;
  auto stuck = start_ready_peer("never_reads");
  auto other = start_ready();
  auto text = R"([")" + std::string(8 << 20, 'x') + R"("])";
  for (int i = 0; i < 4; ++i)
    begin(stuck, "anything", text);
  CHECK_EQ(call(other, "add", "[1, 2]").json, "3");
  cast(stuck.handle, expel_atom_v);
  CHECK_EQ(death_of(stuck).signal, SIGKILL);
  stop(other);
}

TEST_CASE_FIXTURE(peer_fixture, "60 MB of noise on stderr, without newlines") {
  auto worker = start_ready_peer("noisy");
  CHECK_EQ(call(worker, "anything").json, R"("here")");
  stop(worker);
  auto tail = failure_of(worker.host->await_death()->reason).stderr_tail;
  REQUIRE_EQ(tail.size(), 1);
  CHECK_LT(tail[0].size(), 10'000);
}

// -- stopping -----------------------------------------------------------------

TEST_CASE_FIXTURE(peer_fixture, "SIGTERM at half of worker_shutdown, then "
                                "SIGKILL") {
  settings.worker_shutdown = 400ms;
  auto polite = start_ready_peer("ends_on_sigterm");
  auto stubborn = start_ready_peer("ignores_sigterm");
  caf::anon_send_exit(polite.handle, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(stubborn.handle, caf::exit_reason::user_shutdown);
  CHECK_EQ(death_of(polite).signal, SIGTERM);
  CHECK_FALSE(polite.host->await_death()->overdue);
  CHECK_EQ(death_of(stubborn).signal, SIGKILL);
  CHECK(stubborn.host->await_death()->overdue);
}

TEST_CASE_FIXTURE(peer_fixture, "wrong peers leave no descriptor") {
  death_of(start_peer("ends_early"));
  auto before = open_descriptors();
  for (auto behaviour : {"garbage", "closes_stdout", "dies_in_a_reply"}) {
    auto worker = start_ready_peer(behaviour);
    begin(worker, "anything");
    death_of(worker);
  }
  CHECK(eventually([&] { return open_descriptors() <= before; }));
}

TEST_SUITE_END();
