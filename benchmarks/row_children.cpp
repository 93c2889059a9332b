// Row "children": dynamic children of one supervisor are started, counted and
// stopped in a time that is linear in their number: what one of 10,000 takes
// beside one of 1,250.
//
// One thread runs all actors: of these many, each does next to nothing.

#include "rows.hpp"
#include "stopwatch.hpp"

#include "charmer/actors/config.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <array>
#include <stdexcept>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

namespace bench {

namespace {

constexpr std::array<std::uint64_t, 4> numbers{1'250, 2'500, 5'000, 10'000};

struct settings : charmer::config {
  settings() {
    load<caf::io::middleman>();
    set("scheduler.max-threads", std::size_t{1});
  }
};

/// Who starts them: from specs of their own, or from a template.
using kind = charmer::strategy;

charmer::child_spec child(std::string id) {
  return {.id = std::move(id), .start = [](const charmer::start_context& x) {
            return charmer::started{
                x.self->spawn([]() -> caf::behavior { return {[](int) {}}; })};
          }};
}

charmer::supervisor_spec spec_of(kind how) {
  charmer::supervisor_spec result{.strategy = how};
  if (how == kind::simple_one_for_one)
    result.children = {child("template")};
  return result;
}

void start_one(const caf::actor& supervisor, kind how, std::uint64_t number) {
  if (how == kind::simple_one_for_one)
    charmer::cast(supervisor, charmer::start_child_atom_v, caf::message{});
  else
    charmer::cast(supervisor, charmer::start_child_atom_v,
                  child(std::to_string(number)));
}

/// Starts, counts and stops them once.
void one_life(caf::scoped_actor& self, kind how, std::uint64_t number) {
  auto supervisor = charmer::start_supervisor(self->system(), spec_of(how));
  if (!supervisor)
    throw std::runtime_error{charmer::describe_reason(supervisor.error())};
  for (std::uint64_t i = 0; i < number; ++i)
    start_one(*supervisor, how, i);
  std::uint64_t active = 0;
  self->request(*supervisor, caf::infinite, charmer::count_children_atom_v)
      .receive([&](const charmer::child_counts& x) { active = x.active; },
               [](const caf::error&) {});
  if (active != number)
    throw std::runtime_error{"not all children were started"};
  self->monitor(*supervisor);
  charmer::ask_to_stop(self->address(), *supervisor);
  self->receive([](const caf::down_msg&) {});
}

double microseconds_per_child(const conditions& x, kind how,
                              std::uint64_t number) {
  settings config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  return median_time(x.time, [&] { one_life(self, how, number); })
         / static_cast<double>(number);
}

std::string name_of(kind how, std::uint64_t number) {
  return std::to_string(number) + " children"
         + (how == kind::simple_one_for_one ? " of a template" : "");
}

} // namespace

std::vector<result> dynamic_children(const conditions& x) {
  std::vector<contestant> all;
  for (auto how : {kind::one_for_one, kind::simple_one_for_one})
    for (auto number : numbers)
      all.push_back({name_of(how, number), [&x, how, number] {
                       return microseconds_per_child(x, how, number);
                     }});
  auto figures = measure(all, x.rounds);
  std::vector<result> results;
  for (auto how : {kind::one_for_one, kind::simple_one_for_one})
    for (auto number : {numbers[1], numbers[2], numbers[3]})
      results.push_back(compare({"children",
                                 "µs for a child",
                                 name_of(how, number),
                                 name_of(how, numbers.front()),
                                 at_most(1.5),
                                 {}},
                                figures));
  return results;
}

} // namespace bench
