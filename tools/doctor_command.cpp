#include "charmer/tools/doctor_command.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/tools/application.hpp"
#include "charmer/tools/diagnosis.hpp"
#include "charmer/tools/streams.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace charmer::tools {

namespace {

std::string summary(const std::vector<diagnosis>& all) {
  std::string names;
  for (auto& x : all)
    if (x.in_trouble())
      names += (names.empty() ? "" : ", ") + x.pool;
  if (names.empty())
    return "nothing must be done\n";
  return "something must be done: " + names + '\n';
}

std::string report_of(const std::vector<diagnosis>& all,
                      const std::vector<std::string>& notes, bool as_json) {
  if (!as_json) {
    std::string result;
    for (auto& x : all)
      result += to_text(x) + '\n';
    return result + summary(all);
  }
  auto pools = nlohmann::json::array();
  for (auto& x : all)
    pools.push_back(to_json(x));
  auto ok = std::none_of(all.begin(), all.end(),
                         [](auto& x) { return x.in_trouble(); });
  nlohmann::json result{{"ok", ok}, {"notes", notes}, {"pools", pools}};
  return result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
         + '\n';
}

} // namespace

exit_status doctor_command(const doctor_arguments& x) {
  console out;
  auto wanted = load(x.pools);
  if (!wanted) {
    out.complain(describe(wanted.error()));
    return status_of(wanted.error());
  }
  if (!wanted->pooling_enabled)
    wanted->notes.emplace_back("pooling_enabled is false: none of these pools "
                               "is started");
  if (!x.as_json)
    for (auto& note : wanted->notes)
      out.complain(note);
  std::vector<diagnosis> all;
  for (auto& pool : wanted->pools)
    all.push_back(diagnose(pool, x.limit));
  output_stream to{""};
  to.buffer() = report_of(all, wanted->notes, x.as_json);
  to.write_all();
  if (to.closed())
    return exit_status::output_closed;
  if (!to.error().empty()) {
    out.complain(to.error());
    return exit_status::io;
  }
  auto bad = std::any_of(all.begin(), all.end(),
                         [](auto& one) { return one.in_trouble(); });
  return bad ? exit_status::failed : exit_status::ok;
}

} // namespace charmer::tools
