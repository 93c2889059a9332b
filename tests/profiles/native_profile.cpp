#include "profiles/worker_fixture.hpp"

#include "charmer/profiles/native_profile.hpp"
#include "charmer/supervision/errors.hpp"

#include <stdexcept>

using namespace charmer;

namespace {

caf::behavior adder(caf::event_based_actor* self) {
  self->set_exception_handler([](std::exception_ptr&) -> caf::error {
    return caf::make_error(caf::sec::runtime_error, "it threw");
  });
  return {[](int a, int b) -> int {
    if (b == 0)
      throw std::runtime_error("no");
    return a + b;
  }};
}

struct native_fixture : worker_fixture {
  native_fixture() {
    settings.profile = "native";
    settings.adapter = "adder";
    register_native("adder", [](caf::actor_system& sys) {
      return caf::actor{sys.spawn(adder)};
    });
  }

  started start_native() {
    auto profile = find_profile("native");
    REQUIRE(profile);
    return start_with(**profile);
  }
};

} // namespace

TEST_SUITE_BEGIN("native profile");

TEST_CASE_FIXTURE(native_fixture, "any behaviour is a worker, ready at once") {
  auto worker = start_native();
  auto info = worker.host->await_ready();
  REQUIRE(info);
  CHECK_EQ(info->pid, 0);
  caf::scoped_actor self{system};
  self->request(info->handle, 20s, 2, 3)
      .receive([](int sum) { CHECK_EQ(sum, 5); },
               [](caf::error&) { FAIL("no answer"); });
  // It ends when the pool says that it has nothing left to do.
  caf::anon_send_exit(worker.handle, caf::exit_reason::user_shutdown);
  CHECK_EQ(worker.host->times_retiring(), 1);
  CHECK_EQ(worker.host->times_died(), 0);
  cast(worker.handle, dismiss_atom_v);
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK(death->planned);
}

TEST_CASE_FIXTURE(native_fixture, "a behaviour that throws has died of it") {
  auto worker = start_native();
  caf::scoped_actor self{system};
  self->monitor(worker.handle);
  self->request(worker.handle, 20s, 2, 0)
      .receive([](int) { FAIL("an answer"); }, [](caf::error&) {});
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK_FALSE(death->planned);
  CHECK(death->reason == pool_errc::worker_died);
  CHECK(failure_of(death->reason).text.find("it threw") != std::string::npos);
  self->receive(
      [](caf::down_msg& x) { CHECK(x.reason == caf::sec::runtime_error); });
}

TEST_CASE_FIXTURE(native_fixture, "an expelled behaviour ends as planned") {
  auto worker = start_native();
  caf::scoped_actor self{system};
  self->monitor(worker.handle);
  cast(worker.handle, cancel_atom_v, std::uint64_t{1});
  cast(worker.handle, expel_atom_v);
  CHECK(worker.host->await_death()->planned);
  self->receive([](caf::down_msg& x) {
    CHECK(x.reason == supervision_errc::planned_stop);
  });
  CHECK_EQ(worker.host->times_died(), 1);
  CHECK_EQ(worker.host->times_left_behind(), 1);
  CHECK(worker.host->await_return());
}

TEST_CASE_FIXTURE(native_fixture, "what is not registered does not start") {
  settings.adapter = "nobody";
  auto host = std::make_shared<recording_host>();
  native_profile profile;
  auto worker = profile.start_worker(
      system, {std::make_shared<pool_settings>(settings), "worker-1", 1, host});
  REQUIRE_FALSE(worker);
  CHECK(worker.error() == pool_errc::start_failed);
  auto unknown = find_profile("wooden");
  REQUIRE_FALSE(unknown);
  CHECK(failure_of(unknown.error()).text.find("native, process")
        != std::string::npos);
}

TEST_SUITE_END();

TEST_CASE("what is no error is described as such") {
  CHECK(describe(caf::error{}) == "normal");
  CHECK_FALSE(code_of(caf::error{}));
}
