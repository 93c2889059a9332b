#include "charmer/actors/managed_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

using namespace charmer;

namespace {

// Serves the caller with the lowest number first; throws when it is told to.
struct by_caller : callers {
  std::function<bool()> fails = [] { return false; };
  std::set<std::pair<std::uint64_t, std::uint64_t>> entries;

  void init(const std::vector<waiting_caller>& xs) override {
    entries.clear();
    for (auto& x : xs)
      add(x);
  }
  void add(const waiting_caller& x) override {
    misbehave();
    entries.emplace(x.caller, x.request);
  }
  bool empty() const override { return entries.empty(); }
  std::optional<waiting_caller> pop() override {
    if (entries.empty())
      return std::nullopt;
    auto [caller, request] = *entries.begin();
    entries.erase(entries.begin());
    misbehave();
    return waiting_caller{caller, request};
  }
  void remove_by_caller(std::uint64_t caller) override {
    std::erase_if(entries, [&](auto& x) { return x.first == caller; });
  }
  void remove_by_reference(std::uint64_t request) override {
    std::erase_if(entries, [&](auto& x) { return x.second == request; });
  }
  std::vector<waiting_caller> to_list() const override {
    std::vector<waiting_caller> result;
    for (auto [caller, request] : entries)
      result.push_back({caller, request});
    return result;
  }
  void misbehave() const {
    if (fails())
      throw std::runtime_error("out of order");
  }
};

// Uses the worker with the lowest number first; what it does wrong is up to the
// test.
struct lowest_first : workers {
  enum class fault { none, throws, throws_a_number, lies, hides };

  std::function<fault()> next = [] { return fault::none; };
  std::set<worker_reference> entries;

  fault misbehave() const {
    auto result = next();
    if (result == fault::throws)
      throw std::runtime_error("out of order");
    if (result == fault::throws_a_number)
      throw 7;
    return result;
  }

  void init(const std::vector<worker_reference>& xs) override {
    misbehave();
    entries = {xs.begin(), xs.end()};
  }
  void add(worker_reference x) override {
    misbehave();
    entries.insert(x);
  }
  bool contains(worker_reference x) const override {
    misbehave();
    return entries.contains(x);
  }
  void remove(worker_reference x) override {
    entries.erase(x); // half done when it throws
    misbehave();
  }
  std::size_t count() const override {
    misbehave();
    return entries.size();
  }
  std::vector<worker_reference> to_list() const override {
    misbehave();
    return {entries.begin(), entries.end()};
  }
  bool empty() const override {
    misbehave();
    return entries.empty();
  }
  std::optional<worker_reference> pop() override {
    if (entries.empty())
      return std::nullopt;
    auto result = *entries.begin();
    entries.erase(entries.begin());
    auto wrong = misbehave();
    if (wrong == fault::lies)
      return result + 1'000'000;
    if (wrong == fault::hides)
      return std::nullopt;
    return result;
  }
};

using fault = lowest_first::fault;

// Makes "lowest_first" a collection that misbehaves as `next` says.
void register_lowest_first(std::function<fault()> next) {
  register_workers("lowest_first", [next] {
    auto result = std::make_unique<lowest_first>();
    result->next = next;
    return result;
  });
}

void fill(managed_queue& queue) {
  for (worker_reference x : {3, 1, 2})
    queue.worker_idle(x);
  for (std::uint64_t request : {30, 31, 32})
    queue.request_waits({7, request});
}

// Everything that is given out, as (request, worker).
std::vector<std::pair<std::uint64_t, worker_reference>>
assignments(managed_queue& queue) {
  std::vector<std::pair<std::uint64_t, worker_reference>> result;
  while (auto x = queue.assign())
    result.emplace_back(x->who.request, x->worker);
  return result;
}

using pairs = std::vector<std::pair<std::uint64_t, worker_reference>>;

} // namespace

TEST_CASE("the request that waits longest gets the worker that was used last") {
  managed_queue queue{{}};
  CHECK(!queue.assign());
  fill(queue);
  CHECK(assignments(queue) == pairs{{30, 2}, {31, 1}, {32, 3}});
  CHECK(queue.present().busy.size() == 3);
}

TEST_CASE("with lifo the newest request is served first") {
  managed_queue queue{{.newest_first = true}};
  fill(queue);
  CHECK(assignments(queue) == pairs{{32, 2}, {31, 1}, {30, 3}});
}

TEST_CASE("idle workers of the overflow are used last") {
  managed_queue queue{{}};
  queue.worker_idle(1);
  queue.worker_idle(2, /*overflow=*/true);
  queue.request_waits({7, 70});
  queue.request_waits({7, 71});
  CHECK(assignments(queue) == pairs{{70, 1}, {71, 2}});
}

TEST_CASE("5 idle workers, then 3 busy ones, then one that is gone") {
  managed_queue queue{{}};
  for (worker_reference x = 1; x <= 5; ++x)
    queue.worker_idle(x);
  auto now = queue.present();
  CHECK(now.idle.size() == 5);
  CHECK(now.busy.empty());
  CHECK(now.waiting.empty());
  for (worker_reference x = 1; x <= 3; ++x)
    queue.worker_busy(x);
  queue.worker_gone(1);
  queue.worker_gone(1);
  now = queue.present();
  CHECK(now.idle == std::vector<worker_reference>{4, 5});
  CHECK(now.busy == std::vector<worker_reference>{2, 3});
}

TEST_CASE("what is said twice changes nothing") {
  managed_queue queue{{}};
  fill(queue);
  queue.worker_idle(3);
  queue.request_waits({7, 30});
  CHECK(assignments(queue) == pairs{{30, 2}, {31, 1}, {32, 3}});
}

TEST_CASE("what is gone is not given out") {
  managed_queue queue{{}};
  fill(queue);
  queue.request_waits({8, 80});
  queue.request_gone(30);
  queue.caller_gone(8);
  queue.worker_gone(2);
  queue.worker_busy(1);
  CHECK(assignments(queue) == pairs{{31, 3}});
}

TEST_CASE("collections of the application's decide") {
  register_callers("by_caller", [] { return std::make_unique<by_caller>(); });
  register_lowest_first([] { return fault::none; });
  managed_queue queue{
      {.waiting_callers = "by_caller", .idle_workers = "lowest_first"}};
  for (worker_reference x : {3, 1, 2})
    queue.worker_idle(x);
  queue.request_waits({9, 90});
  queue.request_waits({5, 50});
  queue.request_waits({7, 70});
  CHECK(assignments(queue) == pairs{{50, 1}, {70, 2}, {90, 3}});
  CHECK(queue.take_reports().empty());
  CHECK(queue.names().waiting_callers == "by_caller");
}

TEST_CASE("a collection that throws is replaced for good, and that is said "
          "once") {
  for (auto wrong :
       {fault::throws, fault::throws_a_number, fault::lies, fault::hides}) {
    CAPTURE(static_cast<int>(wrong));
    auto armed = std::make_shared<bool>(false);
    register_lowest_first([=] { return *armed ? wrong : fault::none; });
    managed_queue queue{{.idle_workers = "lowest_first"}};
    fill(queue);
    auto first = queue.assign();
    REQUIRE(first);
    CHECK(first->worker == 1);
    *armed = true;
    CHECK(assignments(queue) == pairs{{31, 2}, {32, 3}});
    auto reports = queue.take_reports();
    REQUIRE(reports.size() == 1);
    CAPTURE(reports[0]);
    CHECK(reports[0].starts_with("the collection \"lowest_first\" of idle "
                                 "workers failed ("));
    CHECK(queue.take_reports().empty());
    CHECK(queue.names().idle_workers.empty());
    *armed = false;
    queue.worker_idle(9);
    queue.worker_idle(8);
    queue.request_waits({7, 77});
    CHECK(queue.assign()->worker == 8); // last in, first out
  }
}

TEST_CASE("a collection that cannot be had is replaced at once") {
  register_workers("null", [] { return nullptr; });
  register_workers("throws", []() -> std::unique_ptr<workers> {
    throw std::runtime_error("no memory for you");
  });
  managed_queue queue{{.waiting_callers = "of_nobody",
                       .idle_workers = "null",
                       .busy_workers = "throws"}};
  fill(queue);
  CHECK(assignments(queue).size() == 3);
  auto reports = queue.take_reports();
  REQUIRE(reports.size() == 3);
  CHECK(reports[0]
        == "the collection \"of_nobody\" of waiting callers failed (none of "
           "that name is registered): the built-in one has taken its place");
  CHECK(reports[1].find("its factory made none") != std::string::npos);
  CHECK(reports[2].find("no memory for you") != std::string::npos);
}

TEST_CASE("a queue can be rebuilt from lists") {
  managed_queue old{{}};
  fill(old);
  old.worker_idle(5, /*overflow=*/true);
  old.assign();
  managed_queue successor{{}};
  successor.worker_idle(99);
  successor.rebuild(old.present());
  CHECK(assignments(successor) == assignments(old));
  auto now = successor.present();
  CHECK(now.busy.size() == 3);
  CHECK(now.idle_overflow == std::vector<worker_reference>{5});
}

TEST_CASE("whatever collections do, nothing is lost or given out twice") {
  enum class place { idle, busy, overflow };
  std::size_t all_reports = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    auto random = std::make_shared<std::mt19937>(seed);
    auto good_for = std::make_shared<int>((*random)() % 2000);
    auto wrong = static_cast<fault>(1 + seed % 4);
    register_lowest_first([=] {
      return --*good_for < 0 && (*random)() % 10 == 0 ? wrong : fault::none;
    });
    register_callers("by_caller", [=] {
      auto result = std::make_unique<by_caller>();
      result->fails = [=] { return *good_for < 0 && (*random)() % 50 == 0; };
      return result;
    });
    managed_queue queue{{.waiting_callers = "by_caller",
                         .idle_workers = "lowest_first",
                         .busy_workers = "lowest_first",
                         .idle_overflow_workers = "lowest_first"}};
    std::map<std::uint64_t, std::uint64_t> waiting; // request to caller
    std::map<worker_reference, place> model;
    std::size_t reported = 0;
    for (int step = 0; step < 1000; ++step) {
      auto worker = (*random)() % 12;
      auto overflow = worker >= 8;
      std::uint64_t request = (*random)() % 50;
      switch ((*random)() % 8) {
        case 0:
        case 1:
          queue.worker_idle(worker, overflow);
          model[worker] = overflow ? place::overflow : place::idle;
          break;
        case 2:
          queue.worker_busy(worker);
          model[worker] = place::busy;
          break;
        case 3:
          queue.worker_gone(worker);
          model.erase(worker);
          break;
        case 4:
        case 5:
          queue.request_waits({request % 5, request});
          waiting[request] = request % 5;
          break;
        case 6:
          queue.request_gone(request);
          waiting.erase(request);
          break;
        case 7:
          if (auto x = queue.assign()) {
            REQUIRE(waiting.erase(x->who.request) == 1);
            auto found = model.find(x->worker);
            REQUIRE(found != model.end());
            REQUIRE(found->second != place::busy);
            if (found->second == place::overflow)
              for (auto& [_, where] : model)
                REQUIRE(where != place::idle);
            found->second = place::busy;
          } else {
            auto free = std::any_of(model.begin(), model.end(), [](auto& x) {
              return x.second != place::busy;
            });
            REQUIRE((waiting.empty() || !free));
          }
      }
      reported += queue.take_reports().size();
    }
    auto now = queue.present();
    reported += queue.take_reports().size();
    REQUIRE(now.waiting.size() == waiting.size());
    for (auto& x : now.waiting)
      REQUIRE(waiting.contains(x.request));
    REQUIRE(now.idle.size() + now.busy.size() + now.idle_overflow.size()
            == model.size());
    for (auto x : now.idle)
      REQUIRE(model.at(x) == place::idle);
    for (auto x : now.busy)
      REQUIRE(model.at(x) == place::busy);
    for (auto x : now.idle_overflow)
      REQUIRE(model.at(x) == place::overflow);
    REQUIRE(reported <= 4);
    all_reports += reported;
  }
  CHECK(all_reports > 200);
}
