// The requests of a pool, and everything that leads to one: its lease, the name
// its caller gave it, the caller itself.
//
// A slab: a request keeps its index until it is forgotten, and the index is
// also the number of its timer. A lease id is (generation, index), so finding a
// lease is one comparison, and an id of an earlier lease finds nothing.
//
// Threading: none of its own; part of the pool core, under its lock.
#pragma once

#include "charmer/actors/caller_table.hpp"
#include "charmer/profiles/strategy.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace charmer {

/// Stands for "there is none" wherever an index is expected.
inline constexpr std::uint32_t no_index = ~std::uint32_t{0};

/// A name that the caller's side gave a request, to cancel it by. {0, 0}: none.
struct request_key {
  std::uint64_t origin = 0;
  std::uint64_t number = 0;

  friend bool operator==(const request_key&, const request_key&) = default;
};

/// Where a request is in its life.
enum class stage : std::uint8_t {
  free,       ///< the record is not in use
  waiting,    ///< in the queue
  leased,     ///< given to a worker
  cancelling, ///< has its outcome, but its worker has not let go of it
};

/// Where a waiting request waits.
enum class place : std::uint8_t {
  nowhere,
  central,   ///< in the pool's queue
  seat,      ///< in the line of one worker
  order,     ///< for the one that sits there now, before everything else
  key,       ///< behind another one of the same key
  desk,      ///< behind another one of the same lease by hand
  undecided, ///< the application's strategy has not chosen yet
};

/// What a request is to the worker that it is given to.
enum class purpose : std::uint8_t {
  task,   ///< the worker runs it
  lease,  ///< its caller holds the worker until it gives it back
  errand, ///< the worker runs it for the holder of a lease
};

/// In the order of their use: of thousands that wait each is touched long after
/// the one before, and what it costs is the lines of memory that are read.
template <class Request>
struct request_record {
  using time_point = std::chrono::steady_clock::time_point;

  Request what{};
  caller_key caller = nullptr;

  // -- what is looked at when it comes, gets a worker and ends ----------------

  std::uint64_t generation = 0; ///< changes with each lease
  time_point deadline;
  time_point queue_deadline;
  time_point since;                 ///< accepted
  time_point running_since;         ///< as far as one can tell from outside
  std::chrono::nanoseconds cost{0}; ///< its share of the work in the pipe
  std::uint32_t kind = 0;           ///< which command
  std::uint32_t worker = no_index;
  // neighbours in the queue or among its worker's leases
  std::uint32_t next = no_index;
  std::uint32_t prev = no_index;
  std::uint64_t bytes = 0;
  stage state = stage::free;
  place where = place::nowhere;
  purpose role = purpose::task;
  std::uint8_t lane = 2; ///< in the pool's queue, 0 goes first
  bool probe = false;    ///< the breaker lets this one through, to see
  bool keyed = false;    ///< others of its key may wait behind it
  bool alone = false;    ///< is never sent ahead, nor is one behind it
  bool streamed = false; ///< a part of its answer has been given away
  bool homed = false;    ///< only the home of its session will do
  bool overdue = false;  ///< was first, not begun, when its grace was over
  bool kept = false;     ///< `what` is there though it has its outcome
  std::optional<bool> idempotent;
  std::uint32_t line = 0;       ///< whose, where lines have an owner
  std::uint32_t blocked_by = 0; ///< requests in the queue that it waits for
  std::uint32_t session = no_index;
  std::uint32_t warnings = 0; ///< that it runs for long
  // its caller's number, and neighbours among that one's requests
  std::uint32_t caller_number = no_index;
  std::uint32_t caller_next = no_index;
  std::uint32_t caller_prev = no_index;
  std::vector<request_key> chain; ///< who waits for it

  // -- what few requests have, or seldom matters ------------------------------

  request_key key;
  std::uint64_t serial = 0;  ///< counts the requests of the pool
  std::uint32_t deaths = 0;  ///< workers that died of it
  std::uint32_t bounces = 0; ///< workers that it may have ended, unseen
  std::uint64_t hash = 0;    ///< of its key
  worker_strategy how;

  /// For how long it runs. Who asks may have looked at the clock before those
  /// who let it run: then for no time at all.
  std::chrono::nanoseconds running_for(time_point now) const {
    return std::max(now - running_since, std::chrono::nanoseconds{0});
  }
};

/// A doubly linked list through the members `next` and `prev` of the elements
/// of a vector.
struct index_list {
  std::uint32_t head = no_index;
  std::uint32_t tail = no_index;
  std::uint64_t size = 0;

  bool empty() const noexcept { return head == no_index; }

  template <class T>
  void push_back(std::vector<T>& xs, std::uint32_t id) {
    xs[id].prev = tail;
    xs[id].next = no_index;
    (tail == no_index ? head : xs[tail].next) = id;
    tail = id;
    ++size;
  }

  template <class T>
  void push_front(std::vector<T>& xs, std::uint32_t id) {
    xs[id].next = head;
    xs[id].prev = no_index;
    (head == no_index ? tail : xs[head].prev) = id;
    head = id;
    ++size;
  }

  template <class T>
  void remove(std::vector<T>& xs, std::uint32_t id) {
    auto& x = xs[id];
    (x.prev == no_index ? head : xs[x.prev].next) = x.next;
    (x.next == no_index ? tail : xs[x.next].prev) = x.prev;
    x.next = x.prev = no_index;
    --size;
  }
};

template <class Request>
class request_table {
public:
  using record = request_record<Request>;

  record& operator[](std::uint32_t id) { return records_[id]; }
  const record& operator[](std::uint32_t id) const { return records_[id]; }

  /// For index_list.
  std::vector<record>& records() noexcept { return records_; }

  bool full() const noexcept {
    return free_.empty() && records_.size() >= max_records;
  }

  /// Takes `x` in as a waiting request. REQUIRES: not full. The second value
  /// tells that its caller was not known before.
  std::pair<std::uint32_t, bool> admit(record x) {
    auto id = take_free();
    auto& r = records_[id];
    x.generation = r.generation;
    x.serial = ++serials_;
    x.state = stage::waiting;
    r = std::move(x);
    auto fresh = r.caller != nullptr && link_caller(id);
    if (r.key.number != 0 && !by_key_.emplace(r.key, id).second)
      r.key = {}; // the name is taken: this one cannot be cancelled by it
    return {id, fresh};
  }

  /// The request has its outcome: neither caller nor name lead to it any more.
  void detach(std::uint32_t id) {
    auto& r = records_[id];
    if (r.caller)
      unlink_caller(id);
    if (r.key.number != 0) {
      by_key_.erase(r.key);
      r.key = {};
    }
  }

  /// The record is free again.
  void forget(std::uint32_t id) {
    detach(id);
    auto& r = records_[id];
    r.what = Request{};
    r.chain.clear();
    r.state = stage::free;
    r.where = place::nowhere;
    r.worker = no_index;
    free_.push_back(id);
  }

  // -- leases -----------------------------------------------------------------

  /// The id of its present lease.
  std::uint64_t lease_of(std::uint32_t id) const {
    return (records_[id].generation << index_bits) | id;
  }

  /// Makes every lease id that was given out for it stale.
  void renew(std::uint32_t id) { ++records_[id].generation; }

  /// A name for a waiting request, for those who decide about it elsewhere.
  std::uint64_t reference(std::uint32_t id) const {
    return (records_[id].serial << index_bits) | id;
  }

  /// The waiting request of that name, or no_index.
  std::uint32_t waiting(std::uint64_t reference) const {
    auto id = static_cast<std::uint32_t>(reference & (max_records - 1));
    if (id >= records_.size() || records_[id].state != stage::waiting
        || this->reference(id) != reference)
      return no_index;
    return id;
  }

  /// The request with this lease, or no_index.
  std::uint32_t find(std::uint64_t lease) const {
    auto id = static_cast<std::uint32_t>(lease & (max_records - 1));
    if (id >= records_.size() || records_[id].generation != lease >> index_bits
        || records_[id].worker == no_index)
      return no_index;
    return id;
  }

  // -- names and callers ------------------------------------------------------

  std::uint32_t find(const request_key& key) const {
    auto i = by_key_.find(key);
    return i == by_key_.end() ? no_index : i->second;
  }

  /// Some request of a caller, or no_index.
  std::uint32_t first_of(caller_key who) const {
    auto number = callers_.find(who);
    return number == caller_table::none ? no_index : firsts_[number];
  }

  /// The caller is gone. REQUIRES: none of its requests is left.
  void forget_caller(caller_key who) { callers_.leave(who); }

private:
  static constexpr unsigned index_bits = 24;
  static constexpr std::uint32_t max_records = 1u << index_bits;

  struct key_hash {
    std::size_t operator()(const request_key& x) const noexcept {
      return static_cast<std::size_t>((x.origin ^ x.number)
                                      * 0x9E3779B97F4A7C15ull);
    }
  };

  std::uint32_t take_free() {
    if (free_.empty()) {
      records_.emplace_back();
      return static_cast<std::uint32_t>(records_.size() - 1);
    }
    auto id = free_.back();
    free_.pop_back();
    return id;
  }

  bool link_caller(std::uint32_t id) {
    auto& r = records_[id];
    auto [number, fresh] = callers_.enter(r.caller);
    if (number == firsts_.size())
      firsts_.push_back(no_index);
    auto& first = firsts_[number];
    r.caller_number = number;
    r.caller_prev = no_index;
    r.caller_next = first;
    if (first != no_index)
      records_[first].caller_prev = id;
    first = id;
    return fresh;
  }

  void unlink_caller(std::uint32_t id) {
    auto& r = records_[id];
    if (r.caller_prev != no_index)
      records_[r.caller_prev].caller_next = r.caller_next;
    else
      firsts_[r.caller_number] = r.caller_next;
    if (r.caller_next != no_index)
      records_[r.caller_next].caller_prev = r.caller_prev;
    callers_.expect(r.caller, r.caller_number);
    r.caller = nullptr;
    r.caller_next = r.caller_prev = no_index;
  }

  std::vector<record> records_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<request_key, std::uint32_t, key_hash> by_key_;
  // Kept while the caller lives, because watching it anew would cost more.
  caller_table callers_;
  std::vector<std::uint32_t> firsts_; // of each caller's requests, by number
  std::uint64_t serials_ = 0;
};

} // namespace charmer
