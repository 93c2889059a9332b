#include "report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ostream>

#include <nlohmann/json.hpp>

namespace bench {

namespace {

// -- for people ---------------------------------------------------------------

using line = std::array<std::string, 8>;

// Three digits that say something, and no exponents.
std::string number(double x) {
  std::array<char, 32> text;
  auto digits = x >= 100 ? 0 : x >= 10 ? 1 : 2;
  std::snprintf(text.data(), text.size(), "%.*f", digits, x);
  return text.data();
}

std::string noise(const spread& x) {
  return number(x.low) + "–" + number(x.high);
}

std::string text_of(const std::optional<limit>& x) {
  return x ? to_string(*x) : "";
}

std::string verdict(const result& x) {
  if (!x.of.must && !x.of.aim)
    return "";
  if (!x.holds())
    return "NO";
  return x.reaches_aim() ? (x.of.aim ? "yes, and the aim" : "yes")
                         : (x.of.must ? "yes" : "not the aim");
}

// Columns on a terminal, not bytes.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; }));
}

// -- for programs -------------------------------------------------------------

nlohmann::json json_of(const std::optional<limit>& x) {
  return x ? nlohmann::json(to_string(*x)) : nlohmann::json(nullptr);
}

// A number stays a number.
nlohmann::json json_of(const row_name& x) {
  return x.is_number ? nlohmann::json(std::stoi(x.text))
                     : nlohmann::json(x.text);
}

} // namespace

void print_table(std::ostream& out, const std::vector<result>& all) {
  std::vector<line> lines{
      {"row", "measure", "value", "baseline", "ratio", "must", "aim", "holds"}};
  for (auto& x : all) {
    lines.push_back({x.of.row.text, x.of.measure, number(x.value.middle),
                     number(x.baseline.middle), number(x.ratio.middle),
                     text_of(x.of.must), text_of(x.of.aim), verdict(x)});
    lines.push_back({"", "  " + x.of.value + " / " + x.of.baseline,
                     noise(x.value), noise(x.baseline), noise(x.ratio), "", "",
                     ""});
  }
  std::array<std::size_t, std::tuple_size_v<line>> widths{};
  for (auto& cells : lines)
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], width(cells[i]));
  for (auto& cells : lines) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i)
      text += cells[i] + std::string(widths[i] - width(cells[i]) + 2, ' ');
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  }
}

std::string to_json(const std::vector<result>& all) {
  auto list = nlohmann::json::array();
  for (auto& x : all)
    list.push_back(
        {{"row", json_of(x.of.row)},
         {"measure", x.of.measure + ", " + x.of.value + " / " + x.of.baseline},
         {"value", x.value.middle},
         {"baseline", x.baseline.middle},
         {"ratio", x.ratio.middle},
         {"must", json_of(x.of.must)},
         {"aim", json_of(x.of.aim)},
         {"holds", x.holds()}});
  return list.dump(2);
}

} // namespace bench
