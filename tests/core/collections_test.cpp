#include "charmer/actors/collections.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <random>
#include <thread>

using namespace charmer;

namespace {

using entries = std::vector<waiting_caller>;
using references = std::vector<worker_reference>;

template <class Collection>
auto drain(Collection& xs) {
  decltype(xs.to_list()) result;
  while (auto x = xs.pop())
    result.push_back(*x);
  return result;
}

std::unique_ptr<callers> callers_named(const std::string& name) {
  auto make = registered_callers().find(name);
  REQUIRE(make);
  return make();
}

std::unique_ptr<workers> workers_named(const std::string& name) {
  auto make = registered_workers().find(name);
  REQUIRE(make);
  return make();
}

} // namespace

TEST_CASE("callers come out in the order of their coming, or the other way") {
  entries in{{1, 10}, {2, 20}, {1, 11}};
  for (auto name : {"fifo_callers", "lifo_callers"}) {
    auto xs = callers_named(name);
    CHECK(xs->empty());
    CHECK(!xs->pop());
    for (auto& x : in)
      xs->add(x);
    CHECK(!xs->empty());
    CHECK(xs->to_list() == in);
    auto out = drain(*xs);
    if (name[0] == 'l')
      std::reverse(out.begin(), out.end());
    CHECK(out == in);
    CHECK(xs->empty());
  }
}

TEST_CASE("init begins anew with a list") {
  auto xs = callers_named("fifo_callers");
  xs->add({9, 90});
  xs->init({{1, 10}, {2, 20}});
  CHECK(xs->to_list() == entries{{1, 10}, {2, 20}});
  xs->remove_by_caller(9);
  auto ys = workers_named("fifo_workers");
  ys->add(9);
  ys->init({1, 2});
  CHECK(ys->to_list() == references{1, 2});
  CHECK_FALSE(ys->contains(9));
}

TEST_CASE("remove_by_caller takes out all that a caller has in it") {
  auto xs = callers_named("fifo_callers");
  xs->init({{1, 10}, {2, 20}, {1, 11}, {3, 30}, {1, 12}});
  xs->remove_by_caller(1);
  CHECK(xs->to_list() == entries{{2, 20}, {3, 30}});
  xs->remove_by_caller(1);
  xs->remove_by_caller(7);
  CHECK(drain(*xs) == entries{{2, 20}, {3, 30}});
}

TEST_CASE("remove_by_reference takes out one request") {
  auto xs = callers_named("lifo_callers");
  xs->init({{1, 10}, {1, 11}});
  xs->remove_by_reference(10);
  xs->remove_by_reference(10);
  CHECK(xs->to_list() == entries{{1, 11}});
}

TEST_CASE("workers come out oldest or newest first") {
  for (auto name : {"fifo_workers", "lifo_workers"}) {
    auto xs = workers_named(name);
    CHECK(!xs->pop());
    for (worker_reference x : {5, 6, 7})
      xs->add(x);
    xs->add(5);
    CHECK(xs->count() == 3);
    CHECK(xs->contains(6));
    xs->remove(6);
    xs->remove(6);
    CHECK_FALSE(xs->contains(6));
    auto out = drain(*xs);
    CHECK(out == (name[0] == 'f' ? references{5, 7} : references{7, 5}));
    CHECK(xs->empty());
  }
}

TEST_CASE("built-in callers agree with a plain list on random changes") {
  for (auto name : {"fifo_callers", "lifo_callers"}) {
    std::mt19937 random{3};
    auto xs = callers_named(name);
    std::deque<waiting_caller> model;
    auto remove_if = [&](auto test) { std::erase_if(model, test); };
    for (int step = 0; step < 50'000; ++step) {
      auto caller = random() % 20;
      std::uint64_t request = random() % 100;
      switch (random() % 6) {
        default: {
          auto known = std::any_of(model.begin(), model.end(), [&](auto& x) {
            return x.request == request;
          });
          if (!known)
            model.push_back({caller, request});
          xs->add({caller, request});
          break;
        }
        case 3:
          remove_if([&](auto& x) { return x.request == request; });
          xs->remove_by_reference(request);
          break;
        case 4:
          if (random() % 10 == 0) {
            remove_if([&](auto& x) { return x.caller == caller; });
            xs->remove_by_caller(caller);
          }
          break;
        case 5: {
          auto x = xs->pop();
          REQUIRE(x.has_value() == !model.empty());
          if (x) {
            REQUIRE(*x == (name[0] == 'f' ? model.front() : model.back()));
            std::erase(model, *x);
          }
        }
      }
      REQUIRE(xs->empty() == model.empty());
      if (step % 100 == 0)
        REQUIRE(xs->to_list() == entries(model.begin(), model.end()));
    }
  }
}

TEST_CASE("a registered collection is found by its name, an unknown one not") {
  CHECK(!registered_callers().find("of_nobody"));
  CHECK(!registered_workers().find("fifo_callers"));
  register_callers("newest_first_here",
                   [] { return std::make_unique<lifo_callers>(); });
  auto xs = callers_named("newest_first_here");
  xs->init({{1, 10}, {2, 20}});
  CHECK(xs->pop() == waiting_caller{2, 20});
  auto names = registered_callers().names();
  CHECK(std::count(names.begin(), names.end(), "newest_first_here") == 1);
  CHECK(std::count(names.begin(), names.end(), "fifo_callers") == 1);
}

TEST_CASE("names may be registered and found from many threads") {
  std::atomic<int> missed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([i, &missed] {
      auto name = "of_thread_" + std::to_string(i);
      for (int round = 0; round < 1000; ++round) {
        register_workers(name, [] { return std::make_unique<lifo_workers>(); });
        auto make = registered_workers().find(name);
        if (!make || !make()->empty())
          ++missed;
      }
    });
  for (auto& x : threads)
    x.join();
  CHECK(missed == 0);
}
