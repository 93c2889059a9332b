// Streams of a worker without a pool, and what its commands ask.
#include "profiles/worker_fixture.hpp"

using namespace charmer;

namespace {

struct stream_fixture : worker_fixture {
  /// Asks for a stream; what comes, comes under the id that is returned.
  caf::message_id begin_stream(const started& to, const std::string& command,
                               const std::string& arguments,
                               std::uint32_t window) {
    return caller
        ->request(to.handle, 20s,
                  invocation{command,
                             payload::json(arguments),
                             {.id = {1, 7}, .window = window}})
        .id();
  }

  /// "chunk 0: 1", "end of 5", or the name of an error.
  std::string next(caf::message_id id) {
    std::string result;
    caf::blocking_actor::accept_one_cond once;
    caller->varargs_receive(
        once, id,
        [&](const chunk& x) {
          CHECK(x.stream == call_id{1, 7});
          result = "chunk " + std::to_string(x.number) + ": " + x.text();
        },
        [&](const stream_end& x) {
          CHECK(x.stream == call_id{1, 7});
          result = "end of " + std::to_string(x.chunks);
        },
        [&](caf::error& e) {
          auto code = code_of(e);
          result = code ? to_string(*code) : "an error";
        });
    return result;
  }

  static std::uint64_t lease_of(caf::message_id id) {
    return id.request_id().integer_value();
  }
};

} // namespace

TEST_SUITE_BEGIN("worker streams");

TEST_CASE_FIXTURE(stream_fixture, "chunks and the end come under one id") {
  auto worker = start_ready();
  auto id = begin_stream(worker, "count", "[2]", 10);
  CHECK_EQ(next(id), "chunk 0: 0");
  CHECK_EQ(next(id), "chunk 1: 1");
  CHECK_EQ(next(id), "end of 2");
  stop(worker);
}

TEST_CASE_FIXTURE(stream_fixture, "credit lets a stream go on") {
  auto worker = start_ready();
  auto id = begin_stream(worker, "count", "[5]", 1);
  CHECK_EQ(next(id), "chunk 0: 0");
  cast(worker.handle, credit_atom_v, lease_of(id), std::uint32_t{2});
  CHECK_EQ(next(id), "chunk 1: 1");
  CHECK_EQ(next(id), "chunk 2: 2");
  cast(worker.handle, cancel_atom_v, lease_of(id));
  CHECK_EQ(next(id), "cancelled");
  cast(worker.handle, credit_atom_v, lease_of(id), std::uint32_t{2});
  CHECK_EQ(call(worker, "add", "[1, 2]").json, "3");
  stop(worker);
}

TEST_CASE_FIXTURE(stream_fixture, "a worker that is stopped still gets credit, "
                                  "until its stream is over") {
  auto worker = start_ready();
  auto id = begin_stream(worker, "count", "[3]", 1);
  CHECK_EQ(next(id), "chunk 0: 0");
  caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
  CHECK(eventually([&] { return worker.host->times_retiring() == 1; }));
  cast(worker.handle, credit_atom_v, lease_of(id), std::uint32_t{5});
  CHECK_EQ(next(id), "chunk 1: 1");
  CHECK_EQ(next(id), "chunk 2: 2");
  CHECK_EQ(next(id), "end of 3");
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK(death->planned);
  CHECK_EQ(failure_of(death->reason).exit_code, 0);
}

TEST_CASE_FIXTURE(stream_fixture, "a worker that is stopped still gets the "
                                  "answer to its question") {
  auto worker = start_ready();
  auto id = begin_stream(worker, "ask", R"(["price_of", {"item": 7}])", 1);
  auto asked = worker.host->await_question();
  REQUIRE(asked);
  CHECK_EQ(asked->function, "price_of");
  CHECK(asked->arguments == payload::json(R"({"item":7})"));
  CHECK_EQ(asked->lease, lease_of(id));
  caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
  CHECK(eventually([&] { return worker.host->times_retiring() == 1; }));
  cast(asked->asker, answer_atom_v, asked->number, payload::json("12.5"));
  CHECK_EQ(next(id), "chunk 0: 12.5");
  CHECK_EQ(next(id), "end of 1");
  CHECK(worker.host->await_death());
}

TEST_CASE_FIXTURE(stream_fixture, "a cancel that overtakes its call") {
  auto worker = start_ready();
  auto lying = begin_stream(worker, "sleep", "[0.2]", 1);
  cast(worker.handle, cancel_atom_v, lease_of(lying) + 1);
  auto second = begin_stream(worker, "pid", "[]", 1);
  CHECK_EQ(lease_of(second), lease_of(lying) + 1);
  CHECK_EQ(next(second), "cancelled");
  CHECK_EQ(next(lying), "chunk 0: 0.2");
  stop(worker);
}

TEST_SUITE_END();
