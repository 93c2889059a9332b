#include "charmer/profiles/long_integers.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <vector>

namespace charmer {

namespace {

// Where the string that begins at `at` ends, its quotation marks included.
std::size_t end_of_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size(); ++at) {
    if (json[at] == '\\')
      ++at;
    else if (json[at] == '"')
      return at + 1;
  }
  return json.size();
}

bool is_number(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e'
         || c == 'E';
}

// As JSON writes it.
bool is_integer(std::string_view token) {
  if (token.starts_with('-'))
    token.remove_prefix(1);
  return !token.starts_with('0')
         && token.find_first_not_of("0123456789") == std::string_view::npos;
}

bool fits(std::string_view integer) {
  std::int64_t with_sign = 0;
  std::uint64_t without = 0;
  auto last = integer.data() + integer.size();
  return std::from_chars(integer.data(), last, with_sign).ec == std::errc{}
         || std::from_chars(integer.data(), last, without).ec == std::errc{};
}

// The containers around a place.
struct level {
  bool is_object = false;
  std::size_t index = 0;
  std::string_view key; // without its quotation marks
};

std::string escaped(std::string_view key) {
  std::string result;
  for (auto c : key)
    result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return result;
}

} // namespace

std::optional<long_integer> find_long_integer(std::string_view json,
                                              std::size_t from) {
  // So many characters fit in any case.
  constexpr std::size_t surely = 18;
  for (auto at = from; at < json.size();) {
    if (json[at] == '"') {
      at = end_of_string(json, at);
    } else if (!is_number(json[at])) {
      ++at;
    } else {
      auto begin = json.begin() + static_cast<std::ptrdiff_t>(at);
      auto end = std::find_if_not(begin, json.end(), is_number);
      auto token = json.substr(at, static_cast<std::size_t>(end - begin));
      if (token.size() > surely && is_integer(token) && !fits(token))
        return long_integer{at, token.size()};
      at += token.size();
    }
  }
  return std::nullopt;
}

std::string pointer_to(std::string_view json, std::size_t at) {
  std::vector<level> levels;
  for (std::size_t i = 0; i < at;) {
    if (json[i] == '"') {
      auto end = end_of_string(json, i);
      // In an object the last string before a value is its key.
      if (!levels.empty() && levels.back().is_object)
        levels.back().key = json.substr(i + 1, end - i - 2);
      i = end;
      continue;
    }
    if (json[i] == '{' || json[i] == '[')
      levels.push_back({json[i] == '{', 0, {}});
    else if ((json[i] == '}' || json[i] == ']') && !levels.empty())
      levels.pop_back();
    else if (json[i] == ',' && !levels.empty())
      ++levels.back().index;
    ++i;
  }
  std::string result;
  for (auto& x : levels)
    result += '/' + (x.is_object ? escaped(x.key) : std::to_string(x.index));
  return result.empty() ? "the value" : result;
}

} // namespace charmer
