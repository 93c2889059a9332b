// A pool of which collections of the application's say who is served by whom,
// as far as the books know it.
#include "bench.hpp"

namespace {

core_limits managed() {
  core_limits result;
  result.size = 2;
  result.managed = true;
  return result;
}

using kind = movement::kind;

std::vector<kind> kinds(const std::vector<movement>& xs) {
  std::vector<kind> result;
  for (auto& x : xs)
    result.push_back(x.what);
  return result;
}

} // namespace

TEST_CASE(
    "a managed pool gives nothing out by itself, but tells what changes") {
  bench b{managed()};
  auto w = b.hire("w");
  auto out = b.submit("a");
  CHECK(out.assignments.empty());
  CHECK(out.wake);
  auto seen = b.core.movements().value();
  CHECK(kinds(seen) == std::vector{kind::worker_idle, kind::request_waits});
  CHECK(b.core.movements().value().empty());
  effects given;
  CHECK(b.core.assign(seen[1].reference, w, b.now, given)
        == assignment_result::done);
  CHECK(given.assignments.at(0).what == "a");
  CHECK(kinds(b.core.movements().value())
        == std::vector{kind::request_gone, kind::worker_busy});
  CHECK(b.done(given).wake);
  CHECK(kinds(b.core.movements().value()) == std::vector{kind::worker_idle});
}

TEST_CASE("an assignment that comes too late changes nothing") {
  bench b{managed()};
  auto w = b.hire("w");
  auto v = b.hire("v");
  auto x = b.request("a");
  x.key = {1, 1};
  b.submit(std::move(x));
  b.submit("b");
  auto seen = b.core.movements().value();
  effects out;
  b.core.cancel({1, 1}, b.now, out);
  CHECK(b.core.assign(seen[2].reference, w, b.now, out)
        == assignment_result::request_gone);
  b.kill(v);
  CHECK(b.core.assign(seen[3].reference, v, b.now, out)
        == assignment_result::worker_busy);
  CHECK(b.counts().waiting == 1);
  CHECK(b.core.assign(seen[3].reference, w, b.now, out)
        == assignment_result::done);
}

TEST_CASE("who did not look for too long starts from what is there") {
  bench b{managed()};
  b.hire("w");
  for (int i = 0; i < 100; ++i)
    b.submit("x");
  auto all = b.core.occupation();
  CHECK(all.size() == 101);
  CHECK(b.core.movements().value().empty());
}
