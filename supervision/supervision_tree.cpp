#include "charmer/supervision/supervision_tree.hpp"

#include "charmer/supervision/duration_text.hpp"
#include "charmer/supervision/one_line.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>
#include <string_view>

namespace charmer {

namespace {

// -- as text ------------------------------------------------------------------

struct line {
  std::string label; ///< branches and id
  const supervision_tree* node;
};

/// Columns on a terminal, not bytes.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; }));
}

void append_lines(std::vector<line>& out, const supervision_tree& x,
                  const std::string& indent) {
  for (const auto& child : x.children) {
    auto last = &child == &x.children.back();
    out.push_back(
        {indent + (last ? "└── " : "├── ") + on_one_line(child.id), &child});
    append_lines(out, child, indent + (last ? "    " : "│   "));
  }
}

std::string budget_to_text(const supervision_tree& x) {
  auto result = to_string(x.strategy);
  if (x.intensity.is_unlimited())
    return result;
  return result + ' ' + std::to_string(x.charged) + '/'
         + std::to_string(x.intensity.intensity) + " in "
         + to_short(x.intensity.period);
}

std::string facts_about(const supervision_tree& x) {
  std::string result;
  auto add = [&](const std::string& text) {
    result += (result.empty() ? "" : ", ") + text;
  };
  if (!x.answers && x.state != child_state::stopped)
    add("not answering");
  else if (x.type == child_type::supervisor && x.state != child_state::stopped
           && x.state != child_state::backoff)
    add(budget_to_text(x));
  if (x.state == child_state::backoff)
    add("again in " + to_short(x.delay) + ", attempt "
        + std::to_string(x.attempt));
  if (x.uptime > timespan{0})
    add("up "
        + to_short(std::chrono::ceil<std::chrono::milliseconds>(x.uptime)));
  if (x.restarts_in_all > 0)
    add("restarts " + std::to_string(x.restarts) + " ("
        + std::to_string(x.restarts_in_all) + " in all)");
  if (x.state != child_state::running && !x.reason.empty())
    add(on_one_line(x.reason));
  return result;
}

std::string padded(const std::string& text, std::size_t columns) {
  auto used = width(text);
  return text + std::string(used < columns ? columns - used : 0, ' ');
}

// -- as JSON ------------------------------------------------------------------

using json = nlohmann::ordered_json;

json to_value(const supervision_tree& x) {
  json result{{"id", x.id},
              {"path", x.path},
              {"type", to_string(x.type)},
              {"state", to_string(x.state)}};
  auto add = [&](const char* key, auto value, bool wanted) {
    if (wanted)
      result[key] = std::move(value);
  };
  if (x.address)
    result["actor_id"] = x.address.id();
  result["incarnation"] = x.incarnation;
  result["restarts"] = x.restarts;
  result["restarts_in_all"] = x.restarts_in_all;
  result["uptime_s"] = to_seconds(x.uptime);
  add("attempt", x.attempt, x.attempt > 0);
  add("delay_s", to_seconds(x.delay), x.state == child_state::backoff);
  add("reason", x.reason, !x.reason.empty());
  if (x.type == child_type::worker)
    return result;
  result["answers"] = x.answers;
  if (!x.answers)
    return result;
  result["strategy"] = to_string(x.strategy);
  add("intensity", x.intensity.intensity, !x.intensity.is_unlimited());
  add("period_s", to_seconds(x.intensity.period), !x.intensity.is_unlimited());
  result["charged"] = x.charged;
  auto& children = result["children"] = json::array();
  for (const auto& child : x.children)
    children.push_back(to_value(child));
  return result;
}

// -- collecting ---------------------------------------------------------------

/// Asks supervisors and puts together what they say. The nodes that are being
/// filled stay where they are: children are only ever added once, all of one
/// supervisor together.
class tree_collector {
public:
  static inline const char* name = "charmer.tree_collector";

  using actor_type = caf::stateful_actor<tree_collector>;

  explicit tree_collector(actor_type* self) : self_(self) {}

  void begin(const caf::actor& supervisor, timespan limit) {
    if (!supervisor) { // nobody there is nobody who answers
      tree_.id = tree_.path = "no actor";
      tree_.answers = false;
      send_later(self_, timespan{0}, time_limit_atom_v);
      return;
    }
    tree_.id = "actor " + std::to_string(supervisor.id());
    tree_.path = tree_.id;
    tree_.type = child_type::supervisor;
    tree_.state = child_state::running;
    tree_.address = supervisor.address();
    ask(tree_);
    send_later(self_, limit, time_limit_atom_v);
  }

  caf::result<supervision_tree> result() {
    if (answer_.pending())
      return make_error(supervision_errc::unsupported,
                        "somebody else has asked this one; spawn another");
    answer_ = self_->make_response_promise();
    deliver_if_done();
    return answer_;
  }

  void time_up() {
    awaited_ = 0;
    deliver_if_done();
  }

private:
  void ask(supervision_tree& node) {
    node.answers = false;
    auto supervisor = caf::actor_cast<caf::actor>(node.address);
    if (!supervisor)
      return;
    ++awaited_;
    // Infinite: time_limit_atom ends all of them at once.
    request(self_, supervisor, caf::infinite, tree_atom_v)
        .then(
            [this, &node](supervision_tree& said) {
              fill(node, std::move(said));
              answered();
            },
            [this, &node](caf::error& why) {
              no_answer(node, why);
              answered();
            });
  }

  /// There is nobody any more, or it is no supervisor.
  void no_answer(supervision_tree& node, const caf::error& why) {
    auto ended = is(why, supervision_errc::shutting_down);
    if (ended || is(why, caf::sec::request_receiver_down)) {
      node.state = child_state::stopped;
      node.address = nullptr;
      node.uptime = timespan{0};
    }
    auto cause = ended ? cause_of(why) : why;
    node.reason = describe_reason(cause ? cause : why);
  }

  void fill(supervision_tree& node, supervision_tree said) {
    if (&node == &tree_) {
      said.address = node.address;
      node = std::move(said);
    } else {
      node.strategy = said.strategy;
      node.intensity = said.intensity;
      node.charged = said.charged;
      node.children = std::move(said.children);
    }
    node.answers = true;
    for (auto& child : node.children)
      if (child.type == child_type::supervisor && child.address)
        ask(child);
  }

  void answered() {
    if (awaited_ > 0)
      --awaited_;
    deliver_if_done();
  }

  void deliver_if_done() {
    if (awaited_ > 0 || !answer_.pending())
      return;
    answer_.deliver(std::move(tree_));
    self_->quit();
  }

  actor_type* self_;
  supervision_tree tree_;
  std::size_t awaited_ = 0;
  caf::response_promise answer_;
};

caf::behavior collect_tree(tree_collector::actor_type* self,
                           const caf::actor& supervisor, timespan limit) {
  auto& state = state_of(self);
  replace_default_handlers(self);
  state.begin(supervisor, limit);
  return {
      [&](tree_atom) -> caf::result<supervision_tree> {
        return state.result();
      },
      [&](time_limit_atom) { state.time_up(); },
  };
}

} // namespace

caf::actor spawn_tree_collector(caf::actor_system& system,
                                const caf::actor& supervisor, timespan limit) {
  return system.spawn(collect_tree, supervisor, limit);
}

std::string to_string(const supervision_tree& x) {
  std::vector<line> lines{{on_one_line(x.id), &x}};
  append_lines(lines, x, "");
  std::size_t labels = 0;
  std::size_t states = 0;
  for (const auto& line : lines) {
    labels = std::max(labels, width(line.label));
    states = std::max(states, to_string(line.node->state).size());
  }
  std::string result;
  for (const auto& [label, node] : lines) {
    auto text = padded(label, labels) + "  "
                + padded(to_string(node->state), states) + "  "
                + facts_about(*node);
    text.erase(text.find_last_not_of(' ') + 1);
    result += text + '\n';
  }
  return result;
}

std::ostream& operator<<(std::ostream& out, const supervision_tree& x) {
  return out << to_string(x);
}

std::string to_json(const supervision_tree& x) {
  return to_value(x).dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace charmer
