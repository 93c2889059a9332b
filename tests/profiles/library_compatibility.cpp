// What the compatibility table says of libraries, of their versions, and of
// what an interpreter has.
#include "charmer/profiles/library_compatibility.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace charmer::compatibility;

namespace {

std::vector<std::string> names(const std::vector<library_info>& xs) {
  std::vector<std::string> result;
  for (auto& x : xs)
    result.push_back(x.name);
  return result;
}

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("in threads a library is safe, conditional, unsafe or unknown") {
  auto numpy = check("numpy", "thread");
  CHECK(numpy.is == verdict::safe);
  CHECK(has(numpy.note, "releases the GIL"));
  auto torch = check("torch", "thread");
  CHECK(torch.is == verdict::conditional);
  CHECK(has(torch.note, "torch.set_num_threads()"));
  auto pandas = check("pandas", "thread");
  CHECK(pandas.is == verdict::unsafe);
  CHECK(has(pandas.note, "process profile"));
  auto other = check("made_here", "thread");
  CHECK(other.is == verdict::unknown);
  CHECK(has(other.note, "safety checker"));
}

TEST_CASE("in a process every library is safe, also one that nobody knows") {
  for (auto name : {"numpy", "pandas", "matplotlib", "made_here"})
    CHECK(check(name, "process").is == verdict::safe);
}

TEST_CASE("of other profiles nothing is known") {
  CHECK(check("numpy", "native").is == verdict::unknown);
  CHECK(check("numpy", "of_my_own").is == verdict::unknown);
}

TEST_CASE("a library is found by its name, its module or an alias") {
  for (auto name : {"scikit-learn", "sklearn"}) {
    auto x = get_library_info(name);
    REQUIRE(x);
    CHECK(x->name == "scikit-learn");
    CHECK(x->modules == std::vector<std::string>{"sklearn"});
  }
  CHECK(get_library_info("pytorch")->name == "torch");
  CHECK(check("pytorch", "thread").library == "torch");
  CHECK_FALSE(get_library_info("made_here"));
  CHECK_FALSE(get_library_info(""));
}

TEST_CASE("what is told of a library is what the table says") {
  auto x = *get_library_info("numpy");
  CHECK(x.thread_safety == verdict::safe);
  CHECK(x.min_version == "1.20.0");
  CHECK(x.releases_gil);
  auto y = *get_library_info("sqlite3");
  CHECK(y.min_version.empty());
  CHECK_FALSE(y.releases_gil);
  CHECK(has(y.workaround, "one connection per thread"));
}

TEST_CASE("the table is listed by class, and each library is in one") {
  auto safe = names(list_all(verdict::safe));
  auto unsafe = names(list_all(verdict::unsafe));
  auto conditional = names(list_all(verdict::conditional));
  CHECK(std::count(safe.begin(), safe.end(), "numpy") == 1);
  CHECK(unsafe == std::vector<std::string>{"matplotlib", "pandas", "sqlite3"});
  CHECK(std::count(conditional.begin(), conditional.end(), "torch") == 1);
  CHECK(list_all(verdict::unknown).empty());
  CHECK(safe.size() + unsafe.size() + conditional.size() == list_all().size());
}

TEST_CASE("versions are compared as numbers, releases after candidates") {
  CHECK(older("1.9.0", "1.20.0"));
  CHECK_FALSE(older("1.20.0", "1.9.0"));
  CHECK_FALSE(older("1.20", "1.20.0"));
  CHECK_FALSE(older("1.20.0", "1.20"));
  CHECK(older("2.0.0rc1", "2.0.0"));
  CHECK(older("2.0.0.dev3", "2.0.0"));
  CHECK_FALSE(older("2.0.0", "2.0.0rc1"));
  CHECK_FALSE(older("2.0.0.post1", "2.0.0"));
  CHECK_FALSE(older("2.1.0+cu118", "2.0.0"));
  CHECK(older("1.13.1+cu117", "2.0.0"));
  CHECK_FALSE(older("2.9.9", "2.9.0"));
}

TEST_CASE("of a version before min_version nothing is known") {
  CHECK(check("numpy", "1.20.0", "thread").is == verdict::safe);
  auto old = check("numpy", "1.19.5", "thread");
  CHECK(old.is == verdict::unknown);
  CHECK(has(old.note, "1.20.0"));
  CHECK(check("torch", "1.13.1", "thread").is == verdict::unknown);
  CHECK(check("pandas", "0.1", "thread").is == verdict::unsafe);
  CHECK(check("numpy", "1.19.5", "process").is == verdict::safe);
  CHECK(check("sqlite3", "", "thread").is == verdict::unsafe);
}

TEST_CASE("a report lists libraries by verdict, with a line for each") {
  auto x = generate_report({"numpy", "pandas", "torch", "made_here"}, "thread");
  REQUIRE(x.libraries.size() == 4);
  CHECK(x.of(verdict::safe).at(0).library == "numpy");
  CHECK(x.of(verdict::unsafe).at(0).library == "pandas");
  CHECK(x.of(verdict::conditional).at(0).library == "torch");
  CHECK(x.of(verdict::unknown).at(0).library == "made_here");
  auto text = to_string(x);
  CHECK(has(text, "pandas: unsafe, "));
  CHECK(std::count(text.begin(), text.end(), '\n') == 4);
}

TEST_CASE("a report of what is installed looks at the versions") {
  std::map<std::string, std::string> installed{
      {"numpy", "1.24.2"}, {"scipy", "1.6.0"}, {"sqlite3", ""}};
  auto x = generate_report(installed, "thread");
  CHECK(x.of(verdict::safe).at(0).version == "1.24.2");
  CHECK(x.of(verdict::unknown).at(0).library == "scipy");
  CHECK(x.of(verdict::unsafe).at(0).library == "sqlite3");
  CHECK(has(to_string(x), "numpy 1.24.2: safe, "));
}
