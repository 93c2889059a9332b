#include "charmer/tools/map_job.hpp"

#include "charmer/tools/json_check.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cassert>

namespace charmer::tools {

namespace {

constexpr timespan first_pause = std::chrono::milliseconds(50);
constexpr timespan longest_pause = std::chrono::seconds(1);

bool is_blank(std::string_view x) {
  return x.find_first_not_of(" \t\r") == std::string_view::npos;
}

// The pool never ran it and may do so later.
bool may_be_sent_again(const caf::error& x) {
  return (x == pool_errc::pool_degraded || x == pool_errc::queue_full
          || x == pool_errc::wait_timeout)
         && !failure_of(x).begun;
}

// In JSON a newline can only stand between tokens, as white space.
void put_on_one_line(std::string& json) {
  if (json.find_first_of("\n\r") != std::string::npos)
    std::replace_if(
        json.begin(), json.end(), [](char c) { return c == '\n' || c == '\r'; },
        ' ');
}

item_failure no_json(std::string why) {
  item_failure result{"bad_payload", {}, exit_status::failed};
  result.what.text = std::move(why);
  return result;
}

} // namespace

// -- item_failure -------------------------------------------------------------

item_failure item_failure::of(const caf::error& x) {
  item_failure result;
  result.code = has_code_of<pool_errc>(x)
                    ? to_string(static_cast<pool_errc>(x.code()))
                    : "error";
  result.what = failure_of(x);
  result.status = status_of(x);
  return result;
}

std::string item_failure::describe(std::uint64_t line) const {
  auto result = "line " + std::to_string(line);
  if (status == exit_status::bad_input)
    return result + ", " + what.text;
  result += ": " + code + ": " + what.text;
  if (!what.worker.empty())
    result += " (pool " + what.pool + ", " + what.worker + ", command "
              + what.command + ")";
  if (!what.traceback.empty())
    result += '\n' + what.traceback;
  if (!what.stderr_tail.empty())
    result += "\nlast lines on stderr:";
  for (auto& x : what.stderr_tail)
    result += "\n  " + x;
  return result;
}

std::string item_failure::to_json(std::uint64_t line) const {
  nlohmann::ordered_json x{{"code", code}, {"text", what.text}, {"line", line}};
  auto add = [&](const char* key, const auto& value, bool wanted) {
    if (wanted)
      x[key] = value;
  };
  add("type", what.type, !what.type.empty());
  add("traceback", what.traceback, !what.traceback.empty());
  add("worker", what.worker, !what.worker.empty());
  add("exit_code", what.exit_code, what.exit_code >= 0);
  add("signal", what.signal, what.signal != 0);
  add("stderr", what.stderr_tail, !what.stderr_tail.empty());
  x["begun"] = what.begun;
  return nlohmann::ordered_json{{"error", std::move(x)}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// -- what comes in ------------------------------------------------------------

map_job::map_job(map_limits limits)
    : limits_(limits), window_(limits.workers, limits.window_limit) {
  // nop
}

bool map_job::has_room(clock::time_point now) const {
  return !ended_ && !stopped_ && !verdict_ && !first_failed_
         && now >= paused_until_ && in_flight_ + unsent_.size() < window_.size()
         && output_.size() < limits_.reorder_limit
         && bytes_ < limits_.byte_limit;
}

void map_job::add(input_line x) {
  if (x.too_long) {
    item_failure why{"line_too_long", {}, exit_status::bad_input};
    why.what.text = "longer than the pool's max_frame_bytes allows";
    reject(x.number, std::move(why));
  } else if (is_blank(x.text)) {
    return;
  } else if (auto fault = find_json_fault(x.text)) {
    item_failure why{"malformed_json", {}, exit_status::bad_input};
    why.what.text =
        "column " + std::to_string(fault->column) + ": no JSON: " + fault->text;
    reject(x.number, std::move(why));
  } else {
    accept(std::move(x));
  }
}

void map_job::accept(input_line x) {
  ++counts_.taken;
  bytes_ += x.text.size();
  auto id = output_.expect();
  items_.emplace(id, item{x.number, std::move(x.text), {}});
  unsent_.insert(id);
}

void map_job::reject(std::uint64_t line, item_failure why) {
  ++counts_.taken;
  fail(output_.expect(), line, std::move(why));
}

void map_job::end_of_input() {
  ended_ = true;
}

std::vector<call_request> map_job::take_calls(clock::time_point now) {
  std::vector<call_request> result;
  if (stopped_ || verdict_ || now < paused_until_)
    return result;
  while (!unsent_.empty() && in_flight_ < window_.size()) {
    auto id = *unsent_.begin();
    if (first_failed_ && id > *first_failed_)
      break;
    unsent_.erase(unsent_.begin());
    auto& x = items_.at(id);
    x.sent = now;
    ++in_flight_;
    result.push_back({id, x.arguments});
  }
  return result;
}

// An item is no longer in flight, and perhaps back soon.
map_job::item map_job::land(std::uint64_t id) {
  auto i = items_.find(id);
  assert(i != items_.end());
  auto result = std::move(i->second);
  items_.erase(i);
  --in_flight_;
  bytes_ -= result.arguments.size();
  return result;
}

void map_job::answered(std::uint64_t id, payload value, clock::time_point now) {
  auto x = land(id);
  window_.answered(now - x.sent);
  resume();
  if (value.is != payload::kind::json) {
    auto why = no_json("the result is not JSON, and so no line of output");
    why.what.begun = true;
    fail(id, x.line, std::move(why));
    return;
  }
  ++counts_.done;
  put_on_one_line(value.data);
  settle(id, {x.line, std::move(value.data), std::nullopt});
}

void map_job::failed(std::uint64_t id, const caf::error& why,
                     clock::time_point now) {
  if (may_be_sent_again(why)) {
    send_again(id, why, now);
    return;
  }
  auto x = land(id);
  window_.answered(now - x.sent);
  resume();
  fail(id, x.line, item_failure::of(why));
}

void map_job::send_again(std::uint64_t id, const caf::error& why,
                         clock::time_point now) {
  --in_flight_;
  unsent_.insert(id);
  ++counts_.resent;
  window_.overfull();
  if (why == pool_errc::wait_timeout)
    return; // there are workers, and they are busy: their deadlines end that
  if (!refused_since_)
    refused_since_ = now;
  if (now - *refused_since_ >= limits_.patience) {
    verdict_ = verdict{status_of(why), charmer::describe(why)};
  } else if (now >= paused_until_) {
    pause_ = std::clamp(pause_ * 2, first_pause, longest_pause);
    paused_until_ = now + pause_;
  }
}

// The pool has workers, so nothing need wait for a pause to end.
void map_job::resume() {
  refused_since_.reset();
  pause_ = timespan{0};
  paused_until_ = {};
}

std::optional<map_job::clock::time_point> map_job::wake_at() const {
  if (!refused_since_ || stopped_ || verdict_)
    return std::nullopt;
  return paused_until_;
}

void map_job::stop() {
  stopped_ = true;
}

// -- what comes out -----------------------------------------------------------

void map_job::settle(std::uint64_t id, result x) {
  if (x.text) {
    bytes_ += x.text->size();
    ++texts_;
  }
  output_.put(id, std::move(x));
}

void map_job::fail(std::uint64_t id, std::uint64_t line, item_failure why) {
  ++counts_.failed;
  switch (limits_.errors) {
    case on_error::stop:
      first_failed_ = std::min(id, first_failed_.value_or(id));
      settle(id, {line, std::nullopt, std::move(why)});
      break;
    case on_error::skip:
      settle(id, {line, std::nullopt, std::nullopt});
      break;
    case on_error::record:
      settle(id, {line, why.to_json(line), std::nullopt});
      break;
  }
}

void map_job::print(std::string& out, std::size_t limit) {
  while (out.size() < limit) {
    auto head = output_.peek();
    if (head == nullptr)
      return;
    if (head->end) {
      verdict_ = verdict{head->end->status, head->end->describe(head->line)};
      return;
    }
    auto x = output_.pop();
    if (x->text) {
      bytes_ -= x->text->size();
      --texts_;
      out += *x->text;
      out += '\n';
    }
  }
}

// What it waits for has no outcome, or was cancelled.
map_job::held_back map_job::done_behind() const {
  if (auto head = output_.peek())
    return {head->line, texts_};
  if (items_.empty())
    return {};
  auto first =
      std::min_element(items_.begin(), items_.end(), [](auto& a, auto& b) {
        return a.second.line < b.second.line;
      });
  return {first->second.line, texts_};
}

bool map_job::finished() const {
  return verdict_ || (stopped_ && in_flight_ == 0)
         || (ended_ && output_.size() == 0);
}

} // namespace charmer::tools
