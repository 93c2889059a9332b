// Row "children": dynamic children of one supervisor are started, counted and
// stopped in a time that is linear in their number.
//
// What one of 10,000 takes beside one of 1,250, over the same of actors that
// somebody spawns, monitors and ends with bare CAF: those are linear in their
// number, too, and take 1.3 to 1.5 times as long each (see there), because
// so many actors do not find room in the caches of a core. A supervisor that
// looked through its children for each of them would be at eight. Both figures
// are shown as they are, too.
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

/// Starts, counts and stops them once.
template <kind how>
void one_life(caf::scoped_actor& self, std::uint64_t number) {
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

void one_bare_life(caf::scoped_actor& self, std::uint64_t number) {
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

template <class Life>
double microseconds_each(const conditions& x, std::uint64_t number, Life life) {
  settings config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  return median_time(x.time, [&] { life(self, number); })
         / static_cast<double>(number);
}

/// Who starts, counts and ends them.
struct parent {
  std::string name;
  void (*life)(caf::scoped_actor&, std::uint64_t);
};

const std::array<parent, 3> parents{
    {{"bare CAF", one_bare_life},
     {"children", one_life<kind::one_for_one>},
     {"children of a template", one_life<kind::simple_one_for_one>}}};

std::string name_of(const parent& who, std::uint64_t number) {
  return std::to_string(number) + ", " + who.name;
}

/// What each takes beside one of the fewest, round by round.
std::string add_growth(figures& all, const parent& who, std::uint64_t number) {
  auto& fewest = all.at(name_of(who, numbers.front()));
  auto& many = all.at(name_of(who, number));
  std::vector<double> growth;
  for (std::size_t i = 0; i < many.size(); ++i)
    growth.push_back(many[i] / fewest[i]);
  auto name = "growth to " + name_of(who, number);
  all.emplace(name, std::move(growth));
  return name;
}

} // namespace

std::vector<result> dynamic_children(const conditions& x) {
  std::vector<contestant> all;
  for (auto& who : parents)
    for (auto number : numbers)
      all.push_back({name_of(who, number), [&x, &who, number] {
                       return microseconds_each(x, number, who.life);
                     }});
  auto figures = measure(all, x.rounds);
  std::vector<result> results;
  auto show = [&](std::string unit, std::string value, std::string baseline,
                  std::optional<limit> must) {
    results.push_back(compare({"children",
                               std::move(unit),
                               std::move(value),
                               std::move(baseline),
                               must,
                               {}},
                              figures));
  };
  for (auto number : {numbers[1], numbers[2], numbers[3]}) {
    auto bare = add_growth(figures, parents[0], number);
    for (auto who : {&parents[1], &parents[2]})
      show("× of one of 1250", add_growth(figures, *who, number), bare,
           at_most(1.5));
  }
  for (auto& who : parents)
    show("µs for each", name_of(who, numbers.back()),
         name_of(who, numbers.front()), {});
  return results;
}

} // namespace bench
