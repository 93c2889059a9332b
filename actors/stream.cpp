#include "charmer/actors/stream.hpp"

#include <mutex>

namespace charmer {

namespace {

constexpr std::uint32_t default_window = 16;

// The caller of a stream on behalf of an actor. Has no mailbox: what comes goes
// straight into its consumer's, under a lock, so that nothing follows the end.
class stream_relay : public actor_without_mailbox {
public:
  stream_relay(caf::actor_config& cfg, caf::actor consumer, call_id id)
      : actor_without_mailbox(cfg), consumer_(std::move(consumer)), id_(id) {
    // nop
  }

  void begin(const pool_handle& pool, invocation what) {
    watch(consumer_);
    if (!pool) {
      hand_on(caf::make_message(make_error(pool_errc::no_such_pool,
                                           "the handle of the pool is empty")),
              nullptr);
      return;
    }
    post(pool.actor(), ctrl(),
         caf::message_id{1 | caf::message_id::default_async_value},
         caf::make_message(std::move(what)), nullptr);
  }

  void receive(caf::mailbox_element_ptr what, actor_runner* context) override {
    if (what->mid.is_response())
      hand_on(take_content(*what), context);
    else if (is_down(what->content()))
      end(caf::exit_reason::user_shutdown, context); // ends the stream
  }

  const char* name() const override { return "charmer.stream_relay"; }

private:
  void hand_on(caf::message x, actor_runner* context) {
    std::unique_lock guard{mutex_};
    if (over_)
      return;
    over_ = !x.match_elements<chunk>();
    if (x.match_elements<caf::error>())
      x = caf::make_message(stream_failure{id_, x.get_as<caf::error>(0)});
    post(consumer_, ctrl(), caf::message_id{0}, std::move(x), context);
    guard.unlock();
    if (!over_)
      return;
    unwatch(consumer_);
    end(caf::error{}, context);
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
  if (!consumer)
    return {pool, id}; // nobody is there to be told anything
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
