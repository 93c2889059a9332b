#include "measure.hpp"
#include "report.hpp"

#include <sstream>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace bench;

namespace {

// A contestant that gives these figures, one after the other.
contestant scripted(std::string name, std::vector<double> values,
                    std::string& order) {
  return {name, [=, &order, n = std::size_t{0}]() mutable {
            order += name;
            return values[n++];
          }};
}

comparison a_to_b(std::optional<limit> must, std::optional<limit> aim) {
  return {7, "µs for a call", "a", "b", must, aim};
}

} // namespace

TEST_CASE("the median of an even number of values lies between the middle "
          "ones") {
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK(median({9, 1, 3}) == 3);
  CHECK(median({5}) == 5);
}

TEST_CASE("contestants are measured in turn") {
  std::string order;
  auto all = measure(
      {scripted("a", {1, 2, 3}, order), scripted("b", {4, 5, 6}, order)}, 3);
  CHECK(order == "ababab");
  CHECK(all.at("a") == std::vector<double>{1, 2, 3});
  CHECK(all.at("b") == std::vector<double>{4, 5, 6});
}

TEST_CASE("a ratio is made within its round, and the median of ratios counts") {
  // The machine was slow in the second round, for both alike.
  figures all{{"a", {20, 200, 24}}, {"b", {10, 100, 8}}};
  auto x = compare(a_to_b(at_most(2), at_most(1.5)), all);
  CHECK(x.ratio.low == 2);
  CHECK(x.ratio.middle == 2);
  CHECK(x.ratio.high == 3);
  CHECK(x.value.middle == 24);
  CHECK(x.holds());
  CHECK_FALSE(x.reaches_aim());
}

TEST_CASE("what must not happen at all is no matter of time") {
  CHECK(none().holds(0));
  CHECK_FALSE(none().holds(1));
  CHECK(none().counts);
  CHECK_FALSE(at_most(0).counts);
}

TEST_CASE("limits differ in whether the bound itself is good enough") {
  CHECK(at_most(1.6).holds(1.6));
  CHECK_FALSE(at_most(1.6).holds(1.7));
  CHECK_FALSE(below(1).holds(1));
  CHECK(below(1).holds(0.9));
  CHECK(at_least(5).holds(5));
  CHECK_FALSE(at_least(5).holds(4.9));
  CHECK_FALSE(above(1).holds(1));
  CHECK(above(1).holds(1.1));
}

TEST_CASE("what need not hold, holds") {
  figures all{{"a", {9}}, {"b", {1}}};
  CHECK(compare(a_to_b({}, below(1)), all).holds());
  CHECK_FALSE(compare(a_to_b({}, below(1)), all).reaches_aim());
}

TEST_CASE("the list for programs says what was compared and what came of it") {
  figures all{{"a", {9}}, {"b", {3}}};
  auto list =
      nlohmann::json::parse(to_json({compare(a_to_b(at_most(1.6), {}), all)}));
  REQUIRE(list.size() == 1);
  CHECK(list[0]
        == nlohmann::json{{"row", 7},
                          {"measure", "µs for a call, a / b"},
                          {"value", 9.0},
                          {"baseline", 3.0},
                          {"ratio", 3.0},
                          {"must", "≤ 1.6"},
                          {"aim", nullptr},
                          {"holds", false}});
}

TEST_CASE("the table says NO where something does not hold") {
  figures all{{"a", {9, 10, 8}}, {"b", {3, 2, 4}}};
  std::ostringstream out;
  print_table(out, {compare(a_to_b(at_most(1.6), {}), all)});
  CHECK(out.str().find("≤ 1.6       NO\n") != std::string::npos);
  CHECK(out.str().find("8.00–10.0") != std::string::npos);
}

TEST_CASE("a row without a number is called by a word") {
  figures all{{"a", {9}}, {"b", {3}}};
  auto x = compare({"restart", "µs for a restart", "a", "b", {}, {}}, all);
  auto list = nlohmann::json::parse(to_json({x}));
  CHECK(list[0]["row"] == "restart");
  std::ostringstream out;
  print_table(out, {x});
  CHECK(out.str().find("restart") != std::string::npos);
}
