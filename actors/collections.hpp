// Who waits and which workers there are, as collections that an application may
// replace: poolex's callers and workers.
//
// A collection holds references only, plain numbers that mean nothing to it,
// and decides one thing: what comes next. Built in are callers first in first
// out (the default) or last in first out, workers last in first out (the
// default: the ones that were used last are warm) or first in first out.
//
// A collection of the application's is registered by name and named in the
// settings of a pool (waiting_callers_impl, idle_workers_impl …). What it
// throws costs it the office and nothing else: see managed_queue.hpp.
//
// What a collection sees of a request is whose it is, as a number (0: nobody
// waits for an answer), and a number of its own; priorities mean nothing in a
// pool that names a collection. What ends without a worker is taken out with
// remove_by_reference, one after the other, also when a caller dies.
//
// Threading: a collection is used by one thread at a time, which is the pool's
// own; registering and finding may be done from any thread. Cost of the
// built-in ones: constant for each entry.
//
//   struct fair : charmer::callers { … };  // each caller in its turn
//   charmer::register_callers("fair", [] { return std::make_unique<fair>(); });
#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace charmer {

/// A request that waits, and whose it is.
struct waiting_caller {
  std::uint64_t caller = 0;
  std::uint64_t request = 0; ///< unique among those that wait

  friend bool operator==(const waiting_caller&,
                         const waiting_caller&) = default;
};

/// An incarnation of a worker.
using worker_reference = std::uint64_t;

/// Requests that wait. What is not in it is removed without a word.
class callers {
public:
  virtual ~callers() = default;

  /// Begins anew with these, the oldest first.
  virtual void init(const std::vector<waiting_caller>& xs) = 0;
  virtual void add(const waiting_caller& x) = 0;
  virtual bool empty() const = 0;
  /// Takes out the one that is to be served next. Nothing if it is empty.
  virtual std::optional<waiting_caller> pop() = 0;
  /// Takes out all that this caller has in it.
  virtual void remove_by_caller(std::uint64_t caller) = 0;
  virtual void remove_by_reference(std::uint64_t request) = 0;
  virtual std::vector<waiting_caller> to_list() const = 0;
};

/// Workers in one condition: idle, or busy. What is not in it is removed
/// without a word.
class workers {
public:
  virtual ~workers() = default;

  /// Begins anew with these, the longest in it first.
  virtual void init(const std::vector<worker_reference>& xs) = 0;
  virtual void add(worker_reference x) = 0;
  virtual bool contains(worker_reference x) const = 0;
  virtual void remove(worker_reference x) = 0;
  virtual std::size_t count() const = 0;
  virtual std::vector<worker_reference> to_list() const = 0;
  virtual bool empty() const = 0;
  /// Takes out the one that is to be used next. Nothing if it is empty.
  virtual std::optional<worker_reference> pop() = 0;
};

// -- built in -----------------------------------------------------------------

/// Requests in the order in which they came.
class ordered_callers : public callers {
public:
  void init(const std::vector<waiting_caller>& xs) override {
    order_.clear();
    places_.clear();
    of_caller_.clear();
    for (auto& x : xs)
      add(x);
  }

  /// A request that is in it already keeps its place.
  void add(const waiting_caller& x) override {
    auto [place, is_new] = places_.try_emplace(x.request);
    if (!is_new)
      return;
    place->second = order_.insert(order_.end(), x);
    of_caller_[x.caller].insert(x.request);
  }

  bool empty() const override { return order_.empty(); }

  void remove_by_caller(std::uint64_t caller) override {
    auto entry = of_caller_.extract(caller);
    if (entry.empty())
      return;
    for (auto request : entry.mapped())
      order_.erase(places_.extract(request).mapped());
  }

  void remove_by_reference(std::uint64_t request) override {
    if (auto place = places_.find(request); place != places_.end())
      take(place->second);
  }

  std::vector<waiting_caller> to_list() const override {
    return {order_.begin(), order_.end()};
  }

  bool contains(const waiting_caller& x) const {
    auto place = places_.find(x.request);
    return place != places_.end() && *place->second == x;
  }

  std::size_t count() const { return order_.size(); }

protected:
  using place = std::list<waiting_caller>::iterator;

  place oldest() { return order_.begin(); }

  place newest() { return std::prev(order_.end()); }

  waiting_caller take(place where) {
    auto result = *where;
    auto owner = of_caller_.find(result.caller);
    owner->second.erase(result.request);
    if (owner->second.empty())
      of_caller_.erase(owner);
    places_.erase(result.request);
    order_.erase(where);
    return result;
  }

private:
  std::list<waiting_caller> order_;
  std::unordered_map<std::uint64_t, place> places_;
  std::unordered_map<std::uint64_t, std::unordered_set<std::uint64_t>>
      of_caller_;
};

class fifo_callers final : public ordered_callers {
public:
  std::optional<waiting_caller> pop() override {
    if (empty())
      return std::nullopt;
    return take(oldest());
  }
};

class lifo_callers final : public ordered_callers {
public:
  std::optional<waiting_caller> pop() override {
    if (empty())
      return std::nullopt;
    return take(newest());
  }
};

/// Workers in the order in which they came.
class ordered_workers : public workers {
public:
  void init(const std::vector<worker_reference>& xs) override {
    order_.clear();
    places_.clear();
    for (auto x : xs)
      add(x);
  }

  /// A worker that is in it already keeps its place.
  void add(worker_reference x) override {
    auto [place, is_new] = places_.try_emplace(x);
    if (is_new)
      place->second = order_.insert(order_.end(), x);
  }

  bool contains(worker_reference x) const override {
    return places_.contains(x);
  }

  void remove(worker_reference x) override {
    if (auto entry = places_.extract(x); !entry.empty())
      order_.erase(entry.mapped());
  }

  std::size_t count() const override { return order_.size(); }

  std::vector<worker_reference> to_list() const override {
    return {order_.begin(), order_.end()};
  }

  bool empty() const override { return order_.empty(); }

protected:
  /// REQUIRES: it is not empty.
  worker_reference take(bool newest) {
    auto result = newest ? order_.back() : order_.front();
    remove(result);
    return result;
  }

private:
  std::list<worker_reference> order_;
  std::unordered_map<worker_reference, std::list<worker_reference>::iterator>
      places_;
};

class fifo_workers final : public ordered_workers {
public:
  std::optional<worker_reference> pop() override {
    if (empty())
      return std::nullopt;
    return take(/*newest=*/false);
  }
};

class lifo_workers final : public ordered_workers {
public:
  std::optional<worker_reference> pop() override {
    if (empty())
      return std::nullopt;
    return take(/*newest=*/true);
  }
};

// -- names --------------------------------------------------------------------

/// Makes an empty collection.
template <class Collection>
using collection_factory = std::function<std::unique_ptr<Collection>()>;

/// Collections of one kind by their names.
template <class Collection>
class collection_registry {
public:
  using factory = collection_factory<Collection>;

  explicit collection_registry(std::map<std::string, factory> built_in)
      : factories_(std::move(built_in)) {
    // nop
  }

  /// In place of an earlier one of that name; none: that one is forgotten.
  void enter(const std::string& name, factory f) {
    std::lock_guard guard{mutex_};
    if (f)
      factories_[name] = std::move(f);
    else
      factories_.erase(name);
  }

  /// Empty: there is none of that name.
  factory find(const std::string& name) const {
    std::lock_guard guard{mutex_};
    auto i = factories_.find(name);
    return i != factories_.end() ? i->second : factory{};
  }

  std::vector<std::string> names() const {
    std::lock_guard guard{mutex_};
    std::vector<std::string> result;
    for (auto& entry : factories_)
      result.push_back(entry.first);
    return result;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, factory> factories_;
};

/// "fifo_callers", "lifo_callers", and what was registered.
inline collection_registry<callers>& registered_callers() {
  static collection_registry<callers> instance{
      {{"fifo_callers", [] { return std::make_unique<fifo_callers>(); }},
       {"lifo_callers", [] { return std::make_unique<lifo_callers>(); }}}};
  return instance;
}

/// "fifo_workers", "lifo_workers", and what was registered.
inline collection_registry<workers>& registered_workers() {
  static collection_registry<workers> instance{
      {{"fifo_workers", [] { return std::make_unique<fifo_workers>(); }},
       {"lifo_workers", [] { return std::make_unique<lifo_workers>(); }}}};
  return instance;
}

/// Makes a collection usable by name in settings, in place of an earlier one of
/// that name; pools that run keep theirs. Without a factory there is none of
/// that name any more.
inline void register_callers(const std::string& name,
                             collection_factory<callers> f) {
  registered_callers().enter(name, std::move(f));
}

inline void register_workers(const std::string& name,
                             collection_factory<workers> f) {
  registered_workers().enter(name, std::move(f));
}

} // namespace charmer
