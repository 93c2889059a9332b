#include "charmer/actors/messages.hpp"

#include <nlohmann/json.hpp>

namespace charmer {

namespace {

double seconds_of(timespan x) {
  return std::chrono::duration<double>(x).count();
}

nlohmann::ordered_json json_of(const duration_stats& x) {
  return {{"count", x.count},
          {"total_seconds", seconds_of(x.total)},
          {"longest_seconds", seconds_of(x.longest)}};
}

} // namespace

std::string to_string(worker_state x) {
  switch (x) {
    case worker_state::starting:
      return "starting";
    case worker_state::ready:
      return "ready";
    case worker_state::retiring:
      return "retiring";
    case worker_state::expelled:
      return "expelled";
  }
  return "unknown";
}

std::string to_string(const pool_stats& x) {
  auto& c = x.counts;
  auto text =
      "pool " + x.pool + ": size " + std::to_string(x.size)
      + (x.degraded ? ", degraded" : "") + (x.draining ? ", draining" : "")
      + (x.circuit_open ? ", circuit open" : "") + ", accepted "
      + std::to_string(c.accepted) + ", replied " + std::to_string(c.replied)
      + ", failed " + std::to_string(c.failed) + ", cancelled "
      + std::to_string(c.cancelled) + ", waiting " + std::to_string(c.waiting)
      + ", running " + std::to_string(c.running);
  for (auto& w : x.workers)
    text += "\n  " + w.worker + " (" + std::to_string(w.incarnation) + "): "
            + to_string(w.state) + ", requests " + std::to_string(w.requests)
            + ", running " + std::to_string(w.running) + ", up "
            + std::to_string(static_cast<long>(seconds_of(w.uptime))) + " s";
  return text;
}

std::string to_json(const pool_stats& x) {
  auto& c = x.counts;
  nlohmann::ordered_json workers = nlohmann::ordered_json::array();
  for (auto& w : x.workers)
    workers.push_back({{"worker", w.worker},
                       {"incarnation", w.incarnation},
                       {"state", to_string(w.state)},
                       {"running", w.running},
                       {"ahead", w.ahead},
                       {"line", w.line},
                       {"requests", w.requests},
                       {"uptime_seconds", seconds_of(w.uptime)},
                       {"overflow", w.overflow},
                       {"held", w.held},
                       {"task", w.task},
                       {"runtime_seconds", seconds_of(w.runtime)},
                       {"memory", w.memory}});
  nlohmann::ordered_json result{{"pool", x.pool},
                                {"supervisor", x.supervisor},
                                {"size", x.size},
                                {"overflow", x.overflow},
                                {"abandoned", x.abandoned},
                                {"next_worker", x.next_worker},
                                {"degraded", x.degraded},
                                {"draining", x.draining},
                                {"circuit_open", x.circuit_open},
                                {"waited", json_of(x.waited)},
                                {"busy", json_of(x.busy)},
                                {"accepted", c.accepted},
                                {"replied", c.replied},
                                {"failed", c.failed},
                                {"cancelled", c.cancelled},
                                {"waiting", c.waiting},
                                {"running", c.running},
                                {"refused", c.refused},
                                {"requeued", c.requeued},
                                {"retried", c.retried},
                                {"stale", c.stale},
                                {"expelled", c.expelled},
                                {"overruns", c.overruns},
                                {"waiting_bytes", x.waiting_bytes},
                                {"sessions", x.sessions},
                                {"workers", workers}};
  if (!x.settings.empty())
    result["settings"] = nlohmann::ordered_json::parse(x.settings);
  return result.dump();
}

} // namespace charmer
