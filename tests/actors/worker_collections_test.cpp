// Collections of callers and of workers that the settings name, as callers see
// them: who is served next, and by whom.
#include "native_fixture.hpp"

#include "charmer/actors/collections.hpp"

using namespace charmer_tests;

namespace {

// Counts what goes through it; one for all tests of this file.
struct ledger {
  std::atomic<int> added = 0;
  std::atomic<int> removed = 0;
};

ledger& busy_ledger() {
  static ledger instance;
  return instance;
}

class counting_workers : public ordered_workers {
public:
  void add(worker_reference x) override {
    ++busy_ledger().added;
    ordered_workers::add(x);
  }

  void remove(worker_reference x) override {
    ++busy_ledger().removed;
    ordered_workers::remove(x);
  }

  std::optional<worker_reference> pop() override {
    return empty() ? std::nullopt : std::optional{take(true)};
  }
};

// The workers that serve so many calls, one after the other, while as many as
// `busy` have something else to do.
std::vector<std::uint64_t> serve(native_fixture& f, int count,
                                 std::uint64_t idle, std::uint64_t busy = 0) {
  std::vector<std::uint64_t> result;
  for (int i = 0; i < count; ++i) {
    CHECK(f.comes_to(idle, busy, 0));
    result.push_back(f.call().who);
  }
  return result;
}

std::size_t distinct(const std::vector<std::uint64_t>& xs) {
  return std::set<std::uint64_t>(xs.begin(), xs.end()).size();
}

std::vector<int> order_of_service(const std::string& waiting_callers) {
  auto x = lab(1);
  x.waiting_callers_impl = waiting_callers;
  native_fixture f{x};
  std::vector<int> order; // only its one worker writes
  f.occupy(1);
  std::vector<native_fixture::asked> open;
  for (int i = 1; i <= 7; ++i)
    open.push_back(f.ask(work([&order, i] { order.push_back(i); })));
  CHECK(f.comes_to(0, 1, 7));
  f.door.open();
  for (auto& y : open)
    CHECK(f.answer(y));
  return order;
}

// Two workers beyond the size are idle; who serves 4 calls?
std::size_t overflow_workers_used(const std::string& collection) {
  auto x = lab(1);
  x.max_overflow = 2;
  x.overflow_retention = limit;
  x.idle_overflow_workers_impl = collection;
  native_fixture f{x};
  f.occupy(1);
  std::vector<native_fixture::asked> open;
  for (int i = 0; i < 2; ++i)
    open.push_back(f.ask(wait_at(f.other)));
  REQUIRE(f.other.wait_for(2));
  f.other.open();
  for (auto& y : open)
    CHECK(f.answer(y));
  return distinct(serve(f, 4, 2, 1));
}

} // namespace

TEST_CASE("waiting_callers_impl says who is served next") {
  CHECK(order_of_service("fifo_callers")
        == std::vector<int>{1, 2, 3, 4, 5, 6, 7});
  CHECK(order_of_service("lifo_callers")
        == std::vector<int>{7, 6, 5, 4, 3, 2, 1});
}

TEST_CASE("idle_workers_impl says who serves: each in turn, or the last one") {
  auto x = lab(3);
  x.idle_workers_impl = "fifo_workers";
  native_fixture turns{x};
  auto served = serve(turns, 6, 3);
  CHECK(distinct(served) == 3);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(served[i] == served[i + 3]);
  x.idle_workers_impl = "lifo_workers";
  native_fixture warm{x};
  CHECK(distinct(serve(warm, 6, 3)) == 1);
}

TEST_CASE("idle_overflow_workers_impl says the same of those beyond the size") {
  CHECK(overflow_workers_used("fifo_workers") == 2);
  CHECK(overflow_workers_used("lifo_workers") == 1);
}

TEST_CASE("busy_workers_impl has those that work, and only them") {
  register_workers("counting",
                   [] { return std::make_unique<counting_workers>(); });
  auto x = lab(2);
  x.busy_workers_impl = "counting";
  native_fixture f{x};
  f.occupy(2);
  CHECK(f.eventually([](auto&) { return busy_ledger().added == 2; }));
  CHECK(busy_ledger().removed == 0);
  f.door.open();
  CHECK(f.comes_to(2, 0, 0));
  CHECK(f.eventually([](auto&) { return busy_ledger().removed == 2; }));
}
