#include "charmer/actors/cast.hpp"

#include <mutex>

namespace charmer {

namespace {

// Collects the answers to one broadcall. Has no mailbox, because answers may be
// of any type; runs in the context of whoever sends. Lives until everybody has
// answered, which the pool owes.
class gatherer : public actor_without_mailbox {
public:
  gatherer(caf::actor_config& cfg, pool_handle pool, caf::message what,
           call_options options)
      : actor_without_mailbox(cfg), pool_(std::move(pool)),
        what_(std::move(what)), options_(std::move(options)) {
    // nop
  }

  void receive(caf::mailbox_element_ptr x, actor_runner* context) override {
    if (x->mid.is_response())
      take_answer(*x, context);
    else if (x->mid.is_request() && x->content().match_elements<gather_atom>())
      begin(*x, context);
  }

  const char* name() const override { return "charmer.gatherer"; }

private:
  // The answer to the question who there is; those of the workers follow.
  static constexpr std::uint64_t members_id = 1;

  caf::message_id request_id(std::uint64_t number) const {
    return caf::message_id{number | caf::message_id::default_async_value};
  }

  void begin(caf::mailbox_element& x, actor_runner* context) {
    {
      std::lock_guard guard{mutex_};
      if (asker_)
        return;
      asker_ = x.sender;
      answer_ = x.mid.response_id();
    }
    if (!pool_)
      conclude(caf::make_message(make_error(pool_errc::no_such_pool,
                                            "the handle of the pool is empty")),
               context);
    else
      post(pool_.actor(), ctrl(), request_id(members_id),
           caf::make_message(members_atom_v), context);
  }

  void take_answer(caf::mailbox_element& x, actor_runner* context) {
    auto number = x.mid.request_id().integer_value();
    auto content = take_content(x);
    if (number != members_id)
      note(number - members_id - 1, std::move(content), context);
    else if (content.match_elements<std::vector<pool_member>>())
      ask(content.get_as<std::vector<pool_member>>(0), context);
    else
      conclude(std::move(content), context); // an error
  }

  void ask(std::vector<pool_member> members, actor_runner* context) {
    {
      std::lock_guard guard{mutex_};
      members_ = members;
      open_ = members.size();
    }
    if (members.empty())
      conclude(caf::make_message(gathered{}), context);
    auto number = members_id;
    for (auto& member : members) {
      auto options = options_;
      options.strategy = {choice::this_worker, member.incarnation};
      post(pool_.actor(), ctrl(), request_id(++number),
           caf::make_message(std::move(options), what_), context);
    }
  }

  void note(std::uint64_t i, caf::message content, actor_runner* context) {
    std::unique_lock guard{mutex_};
    auto& worker = members_[i].worker;
    if (content.match_elements<caf::error>()) {
      auto why = content.get_as<caf::error>(0);
      auto code = code_of(why);
      auto late =
          code == pool_errc::exec_timeout || code == pool_errc::wait_timeout;
      if (late && !late_)
        late_ = why;
      result_.errors.push_back({worker, std::move(why)});
    } else {
      result_.replies.push_back({worker, std::move(content)});
    }
    if (--open_ != 0)
      return;
    auto outcome = late_ ? caf::make_message(std::move(late_))
                         : caf::make_message(std::move(result_));
    guard.unlock();
    conclude(std::move(outcome), context);
  }

  void conclude(caf::message outcome, actor_runner* context) {
    post(asker_, ctrl(), answer_, std::move(outcome), context);
    end(caf::error{}, context);
  }

  const pool_handle pool_;
  const caf::message what_;
  const call_options options_;

  std::mutex mutex_;
  caf::strong_actor_ptr asker_;
  caf::message_id answer_;
  std::vector<pool_member> members_;
  std::size_t open_ = 0;
  caf::error late_;
  gathered result_;
};

} // namespace

caf::actor detail::spawn_gatherer(caf::actor_system& sys,
                                  const pool_handle& pool, caf::message what,
                                  call_options options) {
  caf::actor_config cfg;
  return caf::make_actor<gatherer, caf::actor>(sys.next_actor_id(), sys.node(),
                                               &sys, cfg, pool, std::move(what),
                                               std::move(options));
}

} // namespace charmer
