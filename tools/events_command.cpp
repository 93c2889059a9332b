#include "charmer/tools/events_command.hpp"

#include "charmer/actors/event_table.hpp"

#include <cstdio>

namespace charmer::tools {

exit_status events_command(const events_arguments& x) {
  auto text = x.as_json ? event_table_json() + '\n' : event_table_text();
  auto done = std::fwrite(text.data(), 1, text.size(), stdout);
  auto whole = done == text.size() && std::fflush(stdout) == 0;
  return whole ? exit_status::ok : exit_status::io;
}

} // namespace charmer::tools
