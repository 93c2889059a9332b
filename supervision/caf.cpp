#include "charmer/supervision/caf.hpp"

namespace charmer {

namespace {

// What a receiver looks at first tells the watcher.
class watched_request final : public caf::mailbox_element {
public:
  watched_request(const caf::strong_actor_ptr& from, caf::message_id id,
                  caf::message content, request_watcher& watcher,
                  caf::strong_actor_ptr owner)
      : caf::mailbox_element(caf::strong_actor_ptr{from}, id, {}),
        content_(
            caf::make_mailbox_element(nullptr, id, {}, std::move(content))),
        watcher_(watcher), owner_(std::move(owner)) {
    // nop
  }

  caf::type_erased_tuple& content() override { return seen().content(); }

  const caf::type_erased_tuple& content() const override {
    return const_cast<watched_request*>(this)->seen().content();
  }

  caf::message move_content_to_message() override {
    return seen().move_content_to_message();
  }

  caf::message copy_content_to_message() const override {
    return const_cast<watched_request*>(this)->seen().copy_content_to_message();
  }

private:
  caf::mailbox_element& seen() {
    if (!std::exchange(was_seen_, true) && !watcher_.may_begin(mid))
      become_kill();
    return *content_;
  }

  // No request any more: whoever handles it must not answer.
  void become_kill() {
    sender = nullptr;
    mid = caf::make_message_id();
    content_ = caf::make_mailbox_element(
        nullptr, mid, {},
        caf::make_message(
            caf::exit_msg{owner_->address(), caf::exit_reason::kill}));
  }

  caf::mailbox_element_ptr content_;
  bool was_seen_ = false;
  request_watcher& watcher_;
  const caf::strong_actor_ptr owner_;
};

} // namespace

void post_watched(const caf::actor& to, const caf::strong_actor_ptr& from,
                  caf::message_id id, caf::message content,
                  request_watcher& watcher, caf::strong_actor_ptr owner,
                  actor_runner* context) {
  caf::mailbox_element_ptr x{new watched_request(from, id, std::move(content),
                                                 watcher, std::move(owner))};
  to->enqueue(std::move(x), context);
}

} // namespace charmer
