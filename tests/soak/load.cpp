#include "load.hpp"

#include "vitals.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>

#include <nlohmann/json.hpp>

namespace soak {

namespace {

using charmer::pool_errc;
using namespace std::chrono_literals;

// One call: what is asked, what its answer has to be, how it may fail.
struct question {
  std::string command;
  charmer::arguments args;
  charmer::call_options options;
  std::function<bool(const charmer::reply&)> right = [](auto&) { return true; };
  /// 0: it is no stream. Else how many values come, counted from 0.
  std::uint64_t values = 0;
  /// Beside those that can meet everyone.
  std::vector<pool_errc> errors;
  /// Beside an error, an answer is possible.
  bool may_answer = true;
  bool cancelled = false;
};

// Whoever shares a worker, or the queue, with what hangs and dies.
constexpr pool_errc common[] = {pool_errc::worker_died, pool_errc::wait_timeout,
                                pool_errc::exec_timeout, pool_errc::poisoned};

class mix {
public:
  mix(manners how, std::uint64_t seed) : how_(how), random_(seed) {}

  question next() {
    // What is not gentle has the highest numbers.
    auto dice = random_() % (how_ == manners::gentle ? 900 : 1000);
    if (dice < 500)
      return add();
    if (dice < 650)
      return echo();
    if (dice < 700)
      return {.command = "wait", .args = {{"seconds", 0.005}}};
    if (dice < 740)
      return same("later", static_cast<int>(dice));
    if (dice < 780)
      return stream(dice % 2 ? "count" : "count_later", dice % 40 + 1);
    if (dice < 840)
      return same("ask", static_cast<int>(dice), 2);
    if (dice < 900)
      return {.command = "remember",
              .options = {.session = "guest " + std::to_string(dice)},
              .right = [](auto& x) { return x.json() > 0; }};
    if (dice < 940)
      return {.command = "fail",
              .args = {{"text", "as asked"}},
              .errors = {pool_errc::python_exception},
              .may_answer = false};
    if (dice < 950)
      return {.command = "unencodable",
              .errors = {pool_errc::bad_payload},
              .may_answer = false};
    if (dice < 984)
      return {.command = "leak", .args = {{"bytes", 4 << 20}}};
    if (dice < 994)
      return {.command = "obey",
              .options = {.timeout = 30s},
              .errors = {pool_errc::cancelled},
              .may_answer = false,
              .cancelled = true};
    if (dice < 997)
      return {.command = "die",
              .args = {{"how", random_() % 2 ? "exit" : "kill"}},
              .may_answer = false};
    return {
        .command = "hang", .options = {.timeout = 100ms}, .may_answer = false};
  }

private:
  // Answers `x`, so many times as large.
  question same(const char* command, int x, int times = 1) {
    return {.command = command, .args = {{"x", x}}, .right = [=](auto& answer) {
              return answer.json() == x * times;
            }};
  }

  question stream(const char* command, std::uint64_t values) {
    return {.command = command, .args = {{"to", values}}, .values = values};
  }

  question add() {
    auto a = static_cast<int>(random_() % 1000);
    return {
        .command = "add", .args = {{"a", a}, {"b", 1}}, .right = [a](auto& x) {
          return x.text() == std::to_string(a + 1);
        }};
  }

  question echo() {
    std::string data(random_() % 20 == 0 ? 200'000 : 200,
                     static_cast<char>(random_()));
    return {.command = "echo",
            .args = charmer::payload::raw(data),
            .right = [data](auto& x) { return x.text() == data; }};
  }

  const manners how_;
  std::mt19937_64 random_;
};

struct caller_state {
  manners how = manners::rough;
  std::unique_ptr<mix> questions;
  std::size_t open = 0;
};

using caller = caf::stateful_actor<caller_state>;
using tally_ptr = tally*;
using flag_ptr = std::shared_ptr<std::atomic<bool>>;

bool expected(manners how, const question& x, const caf::error& why) {
  auto code = charmer::code_of(why);
  if (!code || how == manners::gentle)
    return false;
  auto among = [&](auto& codes) {
    return std::find(std::begin(codes), std::end(codes), *code)
           != std::end(codes);
  };
  return among(common) || among(x.errors);
}

template <class Done, class Failed>
void read(caller* self, const charmer::pool_handle& pool,
          const std::shared_ptr<question>& x, tally_ptr all, Done done,
          Failed failed) {
  auto came = std::make_shared<std::uint64_t>(0);
  charmer::stream(self, pool, x->command, x->args, x->options)
      .then(
          [=](const charmer::chunk& c) {
            if (c.json() != (*came)++)
              all->surprise(x->command + ": out of order: " + c.text());
          },
          [=](const charmer::stream_end& end) {
            ++all->replies;
            if (*came != x->values || end.chunks != x->values)
              all->surprise(x->command + ": it ended too early");
            done();
          },
          failed);
}

void ask(caller* self, const charmer::pool_handle& pool, tally_ptr all,
         const flag_ptr& going_on) {
  auto& st = self->state;
  auto x = std::make_shared<question>(st.questions->next());
  auto had_one = std::make_shared<bool>(false);
  ++st.open;
  ++all->made;
  auto done = [=] {
    if (std::exchange(*had_one, true))
      all->surprise(x->command + " had two outcomes");
    if (--self->state.open == 0 && !*going_on)
      self->quit();
    else if (*going_on)
      ask(self, pool, all, going_on);
  };
  auto failed = [=](const caf::error& why) {
    all->fail(x->command, why);
    if (!expected(self->state.how, *x, why))
      all->surprise(x->command + ": " + charmer::describe(why));
    done();
  };
  if (x->values != 0) {
    read(self, pool, x, all, done, failed);
    return;
  }
  auto pending = charmer::call(self, pool, x->command, x->args, x->options);
  if (x->cancelled)
    pending.cancel();
  pending.then(
      [=](const charmer::reply& answer) {
        ++all->replies;
        if (!x->may_answer || !x->right(answer))
          all->surprise(x->command
                        + " was answered: " + answer.text().substr(0, 100));
        done();
      },
      failed);
}

} // namespace

void tally::fail(const std::string& command, const caf::error& why) {
  ++errors;
  auto code = charmer::code_of(why);
  std::lock_guard guard{mutex_};
  ++by_code_[command + " " + (code ? to_string(*code) : "?")];
}

void tally::surprise(const std::string& text) {
  ++surprises;
  std::lock_guard guard{mutex_};
  if (surprises_.size() < 5)
    surprises_.push_back(text);
}

std::map<std::string, std::uint64_t> tally::by_code() const {
  std::lock_guard guard{mutex_};
  return by_code_;
}

std::vector<std::string> tally::first_surprises() const {
  std::lock_guard guard{mutex_};
  return surprises_;
}

load::load(caf::actor_system& sys, charmer::pool_handle pool, manners how,
           std::uint64_t seed, std::size_t callers, std::size_t in_flight,
           tally& seen)
    : seen_(seen) {
  for (std::size_t i = 0; i < callers; ++i)
    sys.spawn([=, all = &seen, flag = going_on_](caller* self) {
      self->state.how = how;
      self->state.questions = std::make_unique<mix>(how, seed + i);
      for (std::size_t n = 0; n < in_flight; ++n)
        ask(self, pool, all, flag);
    });
}

bool load::stop(double seconds) {
  *going_on_ = false;
  return eventually(seconds, [this] { return seen_.outcomes() == seen_.made; });
}

} // namespace soak
