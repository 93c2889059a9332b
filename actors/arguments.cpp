#include "charmer/actors/arguments.hpp"

#include <cmath>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

// nlohmann/json writes null for what JSON cannot say; we refuse it instead.
void refuse_non_finite(const nlohmann::json& x) {
  if (x.is_number_float() && !std::isfinite(x.get<double>()))
    throw std::invalid_argument{
        "NaN and infinities are no JSON: send them as bytes or in a message"};
  if (x.is_structured())
    for (auto& y : x)
      refuse_non_finite(y);
}

std::string dump(const nlohmann::json& x) {
  refuse_non_finite(x);
  try {
    return x.dump();
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument{
        "a string is not UTF-8: send it as bytes (payload::raw)"};
  }
}

} // namespace

value::value(double x) : text_(dump(x)) {
  // nop
}

value::value(std::string_view x) : text_(dump(x)) {
  // nop
}

value::value(const nlohmann::json& x) : text_(dump(x)) {
  // nop
}

arguments::arguments(
    std::initializer_list<std::pair<std::string_view, value>> xs) {
  std::string text = "{";
  for (auto& [name, x] : xs) {
    if (text.size() > 1)
      text += ',';
    text += dump(name) + ':' + x.text();
  }
  content_ = payload::json(text + '}');
}

arguments::arguments(const nlohmann::json& x)
    : content_(payload::json(dump(x))) {
  // nop
}

arguments arguments::positional(std::initializer_list<value> xs) {
  std::string text = "[";
  for (auto& x : xs) {
    if (text.size() > 1)
      text += ',';
    text += x.text();
  }
  return payload::json(text + ']');
}

} // namespace charmer
