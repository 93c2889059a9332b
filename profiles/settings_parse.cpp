#include "charmer/profiles/settings_parse.hpp"

#include "charmer/profiles/errors.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace charmer::settings_fields {

namespace {

// "line 3, column 5: …" from what the parser says and the byte it stopped at.
std::string describe_syntax_error(const std::string& text,
                                  const json::parse_error& error) {
  auto end =
      text.begin() + std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
  auto line = 1 + std::count(text.begin(), end, '\n');
  auto start = std::find(std::make_reverse_iterator(end), text.rend(), '\n');
  auto column = 1 + std::count_if(start.base(), end, [](char c) {
                  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                });
  std::string what = error.what();
  if (auto detail = what.find("syntax error"); detail != std::string::npos)
    what = what.substr(detail);
  return "line " + std::to_string(line) + ", column " + std::to_string(column)
         + ": " + what;
}

// Follows the parser and notes each key that it has seen in the same object.
class key_watch {
public:
  explicit key_watch(std::vector<settings_error>& mistakes)
      : mistakes_(mistakes) {
    // nop
  }

  void see(json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        open_.push_back({.place = next_place()});
        break;
      case json::parse_event_t::array_start:
        open_.push_back({.place = next_place(), .is_array = true});
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        open_.pop_back();
        break;
      case json::parse_event_t::value:
        next_place();
        break;
      case json::parse_event_t::key:
        see_key(parsed.get<std::string>());
    }
  }

private:
  struct container {
    std::string place;
    bool is_array = false;
    std::size_t size = 0;
    std::string key;
    std::set<std::string> keys;
  };

  // Where the value stands that begins now.
  std::string next_place() {
    if (open_.empty())
      return "";
    auto& x = open_.back();
    if (x.is_array)
      return x.place + '[' + std::to_string(x.size++) + ']';
    return x.place.empty() ? x.key : x.place + '.' + x.key;
  }

  void see_key(std::string key) {
    auto& x = open_.back();
    x.key = std::move(key);
    if (!x.keys.insert(x.key).second)
      mistakes_.push_back(
          {next_place(), "a key that is written twice", "each key once"});
  }

  std::vector<settings_error>& mistakes_;
  std::vector<container> open_;
};

} // namespace

caf::expected<json> parse_json(const std::string& text,
                               std::vector<settings_error>& mistakes) {
  key_watch watch{mistakes};
  auto follow = [&](int, json::parse_event_t event, json& parsed) {
    watch.see(event, parsed);
    return true;
  };
  try {
    return json::parse(text, follow);
  } catch (const json::parse_error& error) {
    return make_error(pool_errc::invalid_settings,
                      "the settings are no JSON: "
                          + describe_syntax_error(text, error));
  } catch (const json::out_of_range& error) {
    // A number that no double can hold.
    std::string what = error.what();
    return make_error(pool_errc::invalid_settings,
                      "the settings are no JSON: "
                          + what.substr(what.find(']') + 2));
  }
}

} // namespace charmer::settings_fields
