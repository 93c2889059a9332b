#include "charmer/tools/json_check.hpp"

#include "charmer/profiles/long_integers.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace charmer::tools {

namespace {

using nlohmann::json;

// "[json.exception…] parse error at line 1, column 3: syntax error while …"
std::string without_prefix(const std::string& what) {
  auto colon = what.find("column ");
  colon = what.find(colon == std::string::npos ? "] " : ": ",
                    colon == std::string::npos ? 0 : colon);
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

json_fault locate(std::string_view text, std::size_t byte, std::string what) {
  auto before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  json_fault result;
  result.line = 1 + std::count(before.begin(), before.end(), '\n');
  before.remove_prefix(before.rfind('\n') + 1); // npos + 1 is 0
  result.column = 1 + std::count_if(before.begin(), before.end(), [](char c) {
                    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                  });
  result.text = without_prefix(what);
  return result;
}

// Integers have no end in JSON, nor in Python, but have one in the parser: for
// it they are shortened to their first digit. Places stay what they were.
std::string with_short_integers(std::string_view text) {
  std::string result{text};
  auto x = find_long_integer(text);
  for (; x; x = find_long_integer(text, x->at + x->size)) {
    auto begin = x->at + (text[x->at] == '-' ? 2 : 1);
    std::fill(result.begin() + static_cast<std::ptrdiff_t>(begin),
              result.begin() + static_cast<std::ptrdiff_t>(x->at + x->size),
              ' ');
  }
  return result;
}

std::optional<json_fault> find_fault(std::string_view text) {
  // Only a text that is wrong pays for being parsed a second time.
  try {
    [[maybe_unused]] auto never = json::parse(text);
  } catch (const json::parse_error& e) {
    return locate(text, e.byte, e.what());
  } catch (const json::exception& e) {
    return json_fault{1, 1, without_prefix(e.what())};
  }
  return std::nullopt;
}

} // namespace

std::optional<json_fault> find_json_fault(std::string_view text) {
  // The parser takes a NUL for the end of the text.
  if (auto nul = text.find('\0'); nul != std::string_view::npos)
    return locate(text, nul + 1, "a NUL byte is no JSON");
  if (json::accept(text))
    return std::nullopt;
  return find_fault(with_short_integers(text));
}

} // namespace charmer::tools
