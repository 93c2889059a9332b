#include "profiles/worker_fixture.hpp"

#include "charmer/supervision/errors.hpp"

using namespace charmer;

TEST_SUITE_BEGIN("python worker");

TEST_CASE_FIXTURE(worker_fixture, "a worker answers a call") {
  auto worker = start_ready();
  CHECK_EQ(call(worker, "add", R"({"a": 5, "b": 3})").json, "8");
  CHECK_EQ(call(worker, "echo", R"([{"x": [1, 1.5, null]}])").json,
           R"({"x":[1,1.5,null]})");
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "an exception arrives with its traceback") {
  auto worker = start_ready();
  auto error = call(worker, "fail", R"(["no"])").error;
  CHECK(error == pool_errc::python_exception);
  auto what = failure_of(error);
  CHECK_EQ(what.type, "ValueError");
  CHECK_EQ(what.command, "fail");
  CHECK(what.traceback.find("in fail") != std::string::npos);
  CHECK_EQ(call(worker, "add", "[1, 2]").json, "3");
  stop(worker);
}

TEST_CASE_FIXTURE(worker_fixture, "a worker killed in a call tells how") {
  auto worker = start_ready();
  // It stays unanswered: the pool settles it.
  begin(worker, "kill_self", "[9]");
  auto death = worker.host->await_death();
  REQUIRE(death);
  CHECK(death->reason == pool_errc::worker_died);
  CHECK_EQ(failure_of(death->reason).signal, SIGKILL);
  CHECK_FALSE(death->planned);
}

TEST_SUITE_END();
