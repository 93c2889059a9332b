// What `map` decides: which items are sent when, sent again, given up or
// printed. Knows neither files nor actors; the loop in map_command.cpp feeds
// it.
//
//   line ──add──▶ to be sent ──take_calls──▶ in flight ──answered─┐
//                      ▲                         │                ▼
//                      └──────── never ran ◀─────┴─ failed ─▶ in order ─print─▶
//
// However long the input, it holds at most `reorder_limit` items and about
// `byte_limit` bytes (one line more, and what comes back): has_room() is false
// then, and the loop reads no further.
//
// An item that never ran (the pool had no worker for it) is sent again; while
// no worker can be had at all, after a pause that grows. After `patience`
// without any answer the job gives up.
//
// Threading: a plain value. Time is handed in.
#pragma once

#include "charmer/profiles/errors.hpp"
#include "charmer/tools/dispatcher.hpp"
#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/line_splitter.hpp"
#include "charmer/tools/options.hpp"
#include "charmer/tools/ordered_output.hpp"
#include "charmer/tools/window.hpp"
#include "charmer/wire/payload.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace charmer::tools {

/// Why an item failed.
struct item_failure {
  std::string code; ///< "python_exception"; for a line that is no item:
                    ///< "malformed_json" or "line_too_long"
  failure what;
  exit_status status = exit_status::failed;

  static item_failure of(const caf::error& x);

  /// For people, traceback and all.
  std::string describe(std::uint64_t line) const;

  /// The object that takes the place of the result.
  std::string to_json(std::uint64_t line) const;
};

struct map_limits {
  on_error errors = on_error::stop;
  timespan patience = std::chrono::seconds(60);
  std::size_t workers = 1;
  std::size_t window_limit = 512;
  std::size_t reorder_limit = 4096; ///< items
  std::size_t byte_limit = 64u << 20;
};

struct map_counts {
  std::uint64_t taken = 0;  ///< items, blank lines left out
  std::uint64_t done = 0;   ///< answered with a value
  std::uint64_t failed = 0; ///< answered with an error
  std::uint64_t resent = 0; ///< times that an item had never run
};

class map_job {
public:
  using clock = std::chrono::steady_clock;

  /// What ended the job before its input did.
  struct verdict {
    exit_status status;
    std::string text;
  };

  explicit map_job(map_limits limits);

  // -- what comes in ----------------------------------------------------------

  /// Whether another line may be added.
  bool has_room(clock::time_point now) const;

  /// A line is one item: JSON. A blank one is none.
  void add(input_line x);

  void end_of_input();

  /// What is to be sent now.
  std::vector<call_request> take_calls(clock::time_point now);

  /// An item has got a result. REQUIRES: it is in flight.
  void answered(std::uint64_t id, payload value, clock::time_point now);

  /// An item has got an error. REQUIRES: it is in flight.
  void failed(std::uint64_t id, const caf::error& why, clock::time_point now);

  /// When to look again though nothing has come in: the end of a pause.
  std::optional<clock::time_point> wake_at() const;

  /// Takes no more lines, sends nothing more (a signal has come).
  void stop();

  // -- what comes out ---------------------------------------------------------

  /// Moves results that are next in order to `out` until that is `limit` long.
  void print(std::string& out, std::size_t limit);

  /// Everything that will be printed was printed.
  bool finished() const;

  /// Set if the job ended before its input: an item failed, or no worker could
  /// be had.
  const std::optional<verdict>& ended_early() const { return verdict_; }

  /// Items that were taken and have not been printed or left out.
  std::size_t unprinted() const noexcept { return output_.size(); }

  /// How many of them have a result and only wait for this line.
  struct held_back {
    std::uint64_t line = 0;
    std::size_t items = 0;
  };

  held_back done_behind() const;

  const map_counts& counts() const noexcept { return counts_; }

private:
  // An item without an outcome.
  struct item {
    std::uint64_t line = 0;
    std::string arguments; // kept for the case that it never runs
    clock::time_point sent{};
  };

  // What is printed in an item's place: its text, or nothing, or no more.
  struct result {
    std::uint64_t line = 0;
    std::optional<std::string> text; // JSON on one line
    std::optional<item_failure> end;
  };

  void accept(input_line x);
  void reject(std::uint64_t line, item_failure why);
  item land(std::uint64_t id);
  void settle(std::uint64_t id, result x);
  void fail(std::uint64_t id, std::uint64_t line, item_failure why);
  void send_again(std::uint64_t id, const caf::error& why,
                  clock::time_point now);
  void resume();

  map_limits limits_;
  window window_;
  map_counts counts_;
  ordered_output<result> output_;
  std::unordered_map<std::uint64_t, item> items_;
  std::set<std::uint64_t> unsent_;
  std::size_t in_flight_ = 0;
  std::size_t bytes_ = 0; // of items and results that are held
  std::size_t texts_ = 0; // of results that are held
  bool ended_ = false;
  bool stopped_ = false;
  std::optional<verdict> verdict_;
  // Under on_error::stop: nothing after this item matters any more.
  std::optional<std::uint64_t> first_failed_;

  // -- while no worker can be had: nothing is sent until then -----------------

  std::optional<clock::time_point> refused_since_;
  clock::time_point paused_until_{};
  timespan pause_{0};
};

} // namespace charmer::tools
