// Row "children": dynamic children of one supervisor are started, counted and
// stopped in a time that is linear in their number.
//
// All children of one supervisor, over as many of several supervisors that have
// 1,250 each and live at the same time: as many actors do not find room in the
// caches of a core in both, and what is left is what their number in one
// supervisor costs. One that looked through its children for each of them would
// be at eight for 10,000. What each takes is shown as it is, too, beside actors
// that somebody spawns, monitors and ends with bare CAF.
//
// One thread runs all actors: of these many, each does next to nothing.

#include "rows.hpp"
#include "stopwatch.hpp"

#include "charmer/actors/config.hpp"
#include "charmer/supervision/supervisor.hpp"

#include <array>
#include <memory>
#include <optional>
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

caf::actor start_supervisor_of(caf::actor_system& sys, kind how) {
  auto result = charmer::start_supervisor(sys, spec_of(how));
  if (!result)
    throw std::runtime_error{charmer::describe_reason(result.error())};
  return *result;
}

/// Starts, counts and stops so many once, `each` below one supervisor.
template <kind how>
void one_life(caf::scoped_actor& self, std::uint64_t number,
              std::uint64_t each) {
  std::vector<caf::actor> supervisors;
  for (std::uint64_t i = 0; i < number; ++i) {
    if (i % each == 0)
      supervisors.push_back(start_supervisor_of(self->system(), how));
    start_one(supervisors.back(), how, i);
  }
  std::uint64_t active = 0;
  for (auto& x : supervisors)
    self->request(x, caf::infinite, charmer::count_children_atom_v)
        .receive([&](const charmer::child_counts& x) { active += x.active; },
                 [](const caf::error&) {});
  if (active != number)
    throw std::runtime_error{"not all children were started"};
  for (auto& x : supervisors) {
    self->monitor(x);
    charmer::ask_to_stop(self->address(), x);
  }
  for (std::size_t i = 0; i < supervisors.size(); ++i)
    self->receive([](const caf::down_msg&) {});
}

/// The same without a supervisor: spawned, monitored and ended.
caf::behavior bare_parent(caf::event_based_actor* self, std::uint64_t number) {
  auto children = std::make_shared<std::vector<caf::actor>>();
  auto left = std::make_shared<std::uint64_t>(number);
  self->set_down_handler([=](caf::down_msg&) {
    if (--*left == 0)
      self->quit();
  });
  return {
      [=](charmer::start_child_atom) {
        children->push_back(
            self->spawn([]() -> caf::behavior { return {[](int) {}}; }));
        self->monitor(children->back());
      },
      [=](charmer::count_children_atom) { return children->size(); },
      [=](charmer::terminate_child_atom) {
        for (auto& x : *children)
          charmer::ask_to_stop(self->address(), x);
        children->clear();
      },
  };
}

void one_bare_life(caf::scoped_actor& self, std::uint64_t number,
                   std::uint64_t) {
  auto parent = self->spawn(bare_parent, number);
  for (std::uint64_t i = 0; i < number; ++i)
    charmer::cast(parent, charmer::start_child_atom_v);
  std::size_t active = 0;
  self->request(parent, caf::infinite, charmer::count_children_atom_v)
      .receive([&](std::size_t x) { active = x; }, [](const caf::error&) {});
  if (active != number)
    throw std::runtime_error{"not all actors were started"};
  self->monitor(parent);
  charmer::cast(parent, charmer::terminate_child_atom_v);
  self->receive([](const caf::down_msg&) {});
}

/// Who starts, counts and ends them.
struct parent {
  std::string name;
  void (*life)(caf::scoped_actor&, std::uint64_t number, std::uint64_t each);
};

const std::array<parent, 3> parents{
    {{"bare CAF", one_bare_life},
     {"children", one_life<kind::one_for_one>},
     {"children of a template", one_life<kind::simple_one_for_one>}}};

double microseconds_each(const conditions& x, const parent& who,
                         std::uint64_t number, std::uint64_t each) {
  settings config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  return median_time(x.time, [&] { who.life(self, number, each); })
         / static_cast<double>(number);
}

std::string name_of(const parent& who, std::uint64_t number,
                    std::uint64_t each) {
  auto result = std::to_string(number) + ", " + who.name;
  if (number != each)
    result += ", of " + std::to_string(number / each) + " supervisors";
  return result;
}

} // namespace

std::vector<result> dynamic_children(const conditions& x) {
  constexpr auto fewest = numbers.front();
  std::vector<contestant> all;
  auto enter = [&](const parent& who, std::uint64_t number,
                   std::uint64_t each) {
    all.push_back({name_of(who, number, each), [&x, &who, number, each] {
                     return microseconds_each(x, who, number, each);
                   }});
  };
  for (auto& who : parents)
    for (auto number : numbers) {
      enter(who, number, number);
      if (number != fewest && &who != &parents[0])
        enter(who, number, fewest);
    }
  auto figures = measure(all, x.rounds);
  std::vector<result> results;
  auto show = [&](std::string value, std::string baseline,
                  std::optional<limit> must) {
    results.push_back(compare({"children",
                               "µs for each",
                               std::move(value),
                               std::move(baseline),
                               must,
                               {}},
                              figures));
  };
  for (auto number : {numbers[1], numbers[2], numbers[3]})
    for (auto who : {&parents[1], &parents[2]})
      show(name_of(*who, number, number), name_of(*who, number, fewest),
           at_most(1.5));
  for (auto& who : parents)
    show(name_of(who, numbers.back(), numbers.back()),
         name_of(who, fewest, fewest), {});
  return results;
}

} // namespace bench
