// Measures what is built of targets.md: see --help.

#include "report.hpp"
#include "rows.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/interpreter.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <thread>

#include <CLI/CLI.hpp>

namespace {

// The exit statuses.
constexpr int all_hold = 0;
constexpr int some_do_not_hold = 1;
constexpr int could_not_measure = 2;

struct command {
  std::vector<std::string> rows;
  std::string json;
  bool quick = false;
  bench::conditions conditions;
};

std::string list_of_rows() {
  std::string text = "Rows:";
  for (auto& x : bench::rows())
    text += "\n  " + x.name.text + "  " + x.title;
  return text
         + "\n\nExit status: 0 if everything holds that must, 1 if something "
           "does not,\n2 if something could not be measured.";
}

void describe(CLI::App& app, command& said) {
  std::vector<std::string> names;
  for (auto& x : bench::rows())
    names.push_back(x.name.text);
  app.add_option("--rows", said.rows, "which rows; all if it is not given")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app.add_option("--json", said.json, "write the results to this file");
  app.add_option("--rounds", said.conditions.rounds,
                 "how often each contestant is measured, in turn")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--quick", said.quick,
               "one fifth of the time: to see that it runs. What is late is "
               "told and not judged; what is lost is");
  app.add_flag("--free-cores", said.conditions.free_cores,
               "row 1: let the kernel choose the cores. By default the callers "
               "are on one core and the workers on another, as the bare pipe "
               "takes 5 µs or 50, according to where the kernel puts its ends");
  app.footer(list_of_rows());
}

std::string interpreter() {
  auto found = charmer::find_interpreter({});
  if (!found)
    throw std::runtime_error{charmer::describe(found.error())};
  return *found;
}

std::vector<bench::result> measure(const command& said) {
  std::vector<bench::result> results;
  for (auto& x : bench::rows()) {
    if (!said.rows.empty()
        && std::count(said.rows.begin(), said.rows.end(), x.name.text) == 0)
      continue;
    std::cerr << "row " << x.name.text << ": " << x.title << " …\n";
    auto more = x.run(said.conditions);
    results.insert(results.end(), more.begin(), more.end());
  }
  return results;
}

void write(const std::string& file, const std::string& text) {
  std::ofstream out{file};
  if (!(out << text << std::flush))
    throw std::runtime_error{"cannot write " + file};
}

int run(command said) {
  said.conditions.python = interpreter();
  auto results = measure(said);
  std::cout << std::thread::hardware_concurrency() << " cores, "
            << said.conditions.python << ", medians of "
            << said.conditions.rounds
            << " rounds; below each the lowest and the highest round\n\n";
  bench::print_table(std::cout, results);
  if (!said.json.empty())
    write(said.json, bench::to_json(results) + '\n');
  auto is_good = [&](const bench::result& x) {
    return x.holds() || (said.quick && !x.of.must->counts);
  };
  return std::all_of(results.begin(), results.end(), is_good)
             ? all_hold
             : some_do_not_hold;
}

} // namespace

int main(int argc, char** argv) try {
  command said;
  CLI::App app{"Measures charmer, each row beside its baseline in the same "
               "run."};
  describe(app, said);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? all_hold : could_not_measure;
  }
  if (said.quick)
    said.conditions.time /= 5;
  return run(std::move(said));
} catch (const std::exception& e) {
  std::cerr << "charmer_bench: " << e.what() << '\n';
  return could_not_measure;
}
