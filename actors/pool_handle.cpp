#include "charmer/actors/pool_handle.hpp"

#include "charmer/actors/messages.hpp"

namespace charmer {

namespace {

// What a request says itself wins over what its handle says.
call_options merge(call_options own, const call_options& defaults) {
  auto use = [](auto& x, const auto& other, const auto& unsaid) {
    if (x == unsaid)
      x = other;
  };
  use(own.timeout, defaults.timeout, unsaid);
  use(own.queue_timeout, defaults.queue_timeout, unsaid);
  use(own.strategy, defaults.strategy, worker_strategy{});
  use(own.priority, defaults.priority, priority::normal);
  use(own.idempotent, defaults.idempotent, idempotence::unsaid);
  use(own.correlation, defaults.correlation, std::string{});
  use(own.session, defaults.session, std::string{});
  use(own.within, defaults.within, call_id{});
  own.time_left = std::min(own.time_left, defaults.time_left);
  return own;
}

bool is_question(const caf::mailbox_element& x) {
  auto& content = x.content();
  return content.match_elements<stats_atom>()
         || content.match_elements<status_atom>()
         || content.match_elements<resize_atom, std::uint32_t>()
         || content.match_elements<checkin_atom, call_id>()
         || content.match_elements<cancel_atom, call_id>()
         || content.match_elements<credit_atom, call_id, std::uint32_t>()
         || stop_reason(content) || is_down(content);
}

// An address in front of a door, also of one on another node, that says how
// requests are to be treated. Has no mailbox; runs in the sender's context.
class preset : public actor_without_mailbox {
public:
  preset(caf::actor_config& cfg, caf::actor door, call_options defaults)
      : actor_without_mailbox(cfg), door_(std::move(door)),
        defaults_(std::move(defaults)) {
    // nop
  }

  void receive(caf::mailbox_element_ptr what, actor_runner* context) override {
    if (what->mid.is_response())
      return;
    if (is_question(*what) || is_composed(*what)) {
      door_->enqueue(std::move(what), context);
      return;
    }
    auto content = take_content(*what);
    post(door_, what->sender, what->mid, wrap(content), context);
  }

  const char* name() const override { return "charmer.preset"; }

private:
  caf::message wrap(const caf::message& x) const {
    if (x.match_elements<invocation>())
      return caf::make_message(
          merge(x.get_as<invocation>(0).options, defaults_), x);
    if (x.match_elements<call_options, caf::message>())
      return caf::make_message(merge(x.get_as<call_options>(0), defaults_),
                               x.get_as<caf::message>(1));
    if (x.match_elements<cast_atom, call_options, caf::message>())
      return caf::make_message(cast_atom_v,
                               merge(x.get_as<call_options>(1), defaults_),
                               x.get_as<caf::message>(2));
    if (x.match_elements<broadcast_atom, call_options, caf::message>())
      return caf::make_message(broadcast_atom_v,
                               merge(x.get_as<call_options>(1), defaults_),
                               x.get_as<caf::message>(2));
    if (x.match_elements<checkout_atom, call_options>())
      return caf::make_message(checkout_atom_v,
                               merge(x.get_as<call_options>(1), defaults_));
    if (x.match_elements<members_atom>())
      return caf::make_message(members_atom_v, defaults_);
    if (x.match_elements<members_atom, call_options>())
      return caf::make_message(members_atom_v,
                               merge(x.get_as<call_options>(1), defaults_));
    return caf::make_message(defaults_, x);
  }

  const caf::actor door_;
  const call_options defaults_;
};

} // namespace

pool_handle pool_handle::with(call_options defaults) const {
  if (!door_)
    return *this;
  auto result = *this;
  if (defaults.timeout != unsaid)
    result.request_timeout_ = result.stream_timeout_ = defaults.timeout;
  auto& sys = door_->home_system();
  caf::actor_config cfg;
  result.door_ = caf::make_actor<preset, caf::actor>(
      sys.next_actor_id(), sys.node(), &sys, cfg, door_, std::move(defaults));
  return result;
}

bool pool_handle::is_remote() const {
  return pool_ && pool_.node() != pool_->home_system().node();
}

} // namespace charmer
