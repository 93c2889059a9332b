#include "charmer/actors/stream.hpp"

#include <caf/default_attachable.hpp>

#include <mutex>

namespace charmer {

namespace {

constexpr std::uint32_t default_window = 16;

// The caller of a stream on behalf of an actor. Has no mailbox: what comes goes
// straight into its consumer's, under a lock, so that nothing follows the end.
class stream_relay : public caf::monitorable_actor {
public:
  stream_relay(caf::actor_config& cfg, caf::actor consumer, call_id id)
      : monitorable_actor(cfg), consumer_(std::move(consumer)), id_(id) {
    // nop
  }

  void begin(const pool_handle& pool, invocation what) {
    peer()->attach(
        caf::default_attachable::make_monitor(peer()->address(), address()));
    pool.actor()->enqueue(
        ctrl(), caf::message_id{1 | caf::message_id::default_async_value},
        caf::make_message(std::move(what)), nullptr);
  }

  void enqueue(caf::mailbox_element_ptr what,
               caf::execution_unit* context) override {
    if (what->mid.is_response())
      hand_on(what->move_content_to_message(), context);
    else if (what->content().match_elements<caf::down_msg>())
      cleanup(caf::exit_reason::user_shutdown, context); // ends the stream
  }

  void on_destroy() override {
    // Everything it has is released by its members.
  }

  const char* name() const override { return "charmer.stream_relay"; }

private:
  caf::abstract_actor* peer() const {
    return caf::actor_cast<caf::abstract_actor*>(consumer_);
  }

  void hand_on(caf::message x, caf::execution_unit* context) {
    std::unique_lock guard{mutex_};
    if (over_)
      return;
    over_ = !x.match_elements<chunk>();
    if (x.match_elements<caf::error>())
      x = caf::make_message(stream_failure{id_, x.get_as<caf::error>(0)});
    consumer_->enqueue(ctrl(), caf::message_id{0}, std::move(x), context);
    guard.unlock();
    if (over_)
      end(context);
  }

  void end(caf::execution_unit* context) {
    peer()->detach(caf::default_attachable::observe_token{
        address(), caf::default_attachable::monitor});
    cleanup(caf::error{}, context);
  }

  const caf::actor consumer_;
  const call_id id_;
  std::mutex mutex_;
  bool over_ = false;
};

} // namespace

void detail::prepare_stream(call_options& options) {
  options.id = call_id::next();
  if (options.window == 0)
    options.window = default_window;
  inherit(options);
}

stream_handle stream_to(const caf::actor& consumer, const pool_handle& pool,
                        std::string command, arguments args,
                        call_options options) {
  detail::prepare_stream(options);
  auto id = options.id;
  auto& sys = consumer->home_system();
  caf::actor_config cfg;
  auto relay = caf::make_actor<stream_relay, caf::actor>(
      sys.next_actor_id(), sys.node(), &sys, cfg, consumer, id);
  static_cast<stream_relay*>(caf::actor_cast<caf::abstract_actor*>(relay))
      ->begin(pool,
              {std::move(command), std::move(args).take(), std::move(options)});
  return {pool, id};
}

} // namespace charmer
