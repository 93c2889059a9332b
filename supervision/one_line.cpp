#include "charmer/supervision/one_line.hpp"

namespace charmer {

std::string on_one_line(std::string_view text) {
  constexpr auto hex = "0123456789abcdef";
  std::string result;
  for (char c : text)
    if (auto code = static_cast<unsigned char>(c); c == '\n')
      result += "\\n";
    else if (c != '\t' && (code < 0x20 || code == 0x7f))
      result += {'\\', 'x', hex[code >> 4], hex[code & 15]};
    else
      result += c;
  return result;
}

} // namespace charmer
