// Which waiting request gets which idle worker, when collections of the
// application's decide.
//
// Owns one collection of waiting callers and three of workers: idle, busy, idle
// overflow (poolex). It is told every change in the pool and gives out pairs;
// it never decides whether a pair comes about, that is for the pool core, which
// tells it otherwise if not (put_back, worker_idle). A queue manager that
// was killed builds a new one from what the core knows.
//
// A collection that fails is replaced by the built-in one (see
// guarded_collection.hpp); no request and no worker is lost or given out twice.
//
// Threading: none of its own; the queue manager owns it, because a collection
// of the application's may take its time. Cost: constant beside that of the
// collections.
//
//   managed_queue queue{{.waiting_callers = "fair"}};
//   queue.worker_idle(7);
//   queue.request_waits({.caller = 1, .request = 42});
//   queue.assign();    // {{1, 42}, 7}
#pragma once

#include "charmer/actors/guarded_collection.hpp"

namespace charmer {

/// Names of registered collections; empty: built in. See pool_settings.
struct collection_names {
  std::string waiting_callers;
  std::string idle_workers;
  std::string busy_workers;
  std::string idle_overflow_workers;
  /// Whether the built-in callers are last in first out.
  bool newest_first = false;
};

class managed_queue {
public:
  /// All that is in a queue, each list oldest first.
  struct contents {
    std::vector<waiting_caller> waiting;
    std::vector<worker_reference> idle;
    std::vector<worker_reference> busy;
    std::vector<worker_reference> idle_overflow;
  };

  struct assignment {
    waiting_caller who;
    worker_reference worker = 0;
    bool overflow = false;
  };

  explicit managed_queue(const collection_names& names)
      : waiting_("waiting callers", names.waiting_callers, registered_callers(),
                 built_in_callers(names.newest_first)),
        idle_("idle workers", names.idle_workers, registered_workers(),
              built_in_workers),
        busy_("busy workers", names.busy_workers, registered_workers(),
              built_in_workers),
        idle_overflow_("idle overflow workers", names.idle_overflow_workers,
                       registered_workers(), built_in_workers),
        newest_first_(names.newest_first) {
    // nop
  }

  /// Begins anew with these.
  void rebuild(const contents& x) {
    next_.reset();
    waiting_.init(x.waiting);
    idle_.init(x.idle);
    busy_.init(x.busy);
    idle_overflow_.init(x.idle_overflow);
  }

  // -- changes; to say one twice does nothing ---------------------------------

  void request_waits(const waiting_caller& x) {
    if (next_ != x && !waiting_.record().contains(x))
      waiting_.change([&](auto& xs) { xs.add(x); });
  }

  /// It was cancelled, it expired, it was given a worker by somebody else.
  void request_gone(std::uint64_t request) {
    if (next_ && next_->request == request)
      next_.reset();
    waiting_.change([&](auto& xs) { xs.remove_by_reference(request); });
  }

  void caller_gone(std::uint64_t caller) {
    if (next_ && next_->caller == caller)
      next_.reset();
    waiting_.change([&](auto& xs) { xs.remove_by_caller(caller); });
  }

  /// It can be given a request: it is new, or has finished one.
  void worker_idle(worker_reference x, bool overflow = false) {
    move(x, overflow ? &idle_overflow_ : &idle_);
  }

  /// It was given a request by somebody else.
  void worker_busy(worker_reference x) { move(x, &busy_); }

  /// It died, or is not to be used any more.
  void worker_gone(worker_reference x) { move(x, nullptr); }

  // -- results ----------------------------------------------------------------

  /// The next request and its worker, which is busy from now on. Idle workers
  /// of the overflow come last. Nothing: nobody waits, or no worker is idle.
  std::optional<assignment> assign() {
    if (idle_.empty() && idle_overflow_.empty())
      return std::nullopt;
    auto who = next_ ? std::exchange(next_, std::nullopt) : waiting_.pop();
    if (!who)
      return std::nullopt;
    auto overflow = idle_.empty();
    auto worker = overflow ? idle_overflow_.pop() : idle_.pop();
    worker_busy(*worker);
    return assignment{*who, *worker, overflow};
  }

  /// That worker was given a request by somebody else meanwhile: this caller is
  /// still the next one.
  void put_back(const waiting_caller& x) { next_ = x; }

  /// For people: as the collections order it.
  contents present() {
    auto waiting = waiting_.to_list();
    if (next_)
      waiting.insert(waiting.begin(), *next_);
    return {std::move(waiting), idle_.to_list(), busy_.to_list(),
            idle_overflow_.to_list()};
  }

  /// The collections in office.
  collection_names names() const {
    return {waiting_.name(), idle_.name(), busy_.name(), idle_overflow_.name(),
            newest_first_};
  }

  /// One sentence for each collection that failed since the last time.
  std::vector<std::string> take_reports() {
    std::vector<std::string> result;
    auto take = [&](auto& from) {
      if (auto report = from.take_report())
        result.push_back(std::move(*report));
    };
    take(waiting_);
    take(idle_);
    take(busy_);
    take(idle_overflow_);
    return result;
  }

private:
  using guarded_callers = guarded_collection<callers, fifo_callers>;
  using guarded_workers = guarded_collection<workers, fifo_workers>;

  static collection_factory<callers> built_in_callers(bool newest_first) {
    if (newest_first)
      return [] { return std::make_unique<lifo_callers>(); };
    return [] { return std::make_unique<fifo_callers>(); };
  }

  static std::unique_ptr<workers> built_in_workers() {
    return std::make_unique<lifo_workers>();
  }

  // A worker is in one collection at most.
  void move(worker_reference x, guarded_workers* to) {
    for (auto from : {&idle_, &busy_, &idle_overflow_})
      if (from != to && from->record().contains(x))
        from->change([&](auto& xs) { xs.remove(x); });
    if (to && !to->record().contains(x))
      to->change([&](auto& xs) { xs.add(x); });
  }

  std::optional<waiting_caller> next_; // was given out, but got no worker
  guarded_callers waiting_;
  guarded_workers idle_;
  guarded_workers busy_;
  guarded_workers idle_overflow_;
  bool newest_first_;
};

} // namespace charmer
