#include "charmer/profiles/express_lane.hpp"

#include "charmer/profiles/worker_frames.hpp"
#include "charmer/wire/frames.hpp"

#include <algorithm>

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

namespace charmer {

wire::call_parts parts_of(const invocation& x, std::uint64_t lease,
                          timespan time_left) {
  auto limit = time_left == infinite ? 0 : std::max(time_left.count(), 1l);
  return {lease,
          x.command,
          x.arguments,
          static_cast<std::uint64_t>(limit),
          x.options.correlation,
          x.options.session,
          x.options.window};
}

open_request request_of(const invocation& x, caf::message_id id,
                        caf::strong_actor_ptr sender) {
  return {std::move(sender), id.response_id(),      x.command,
          x.options.id,      x.options.correlation, x.options.window};
}

// -- the requests -------------------------------------------------------------

void express_lane::add(std::uint64_t lease, open_request who) {
  std::lock_guard guard{mutex_};
  requests_.emplace(lease, std::move(who));
}

std::optional<open_request> express_lane::take(std::uint64_t lease) {
  std::lock_guard guard{mutex_};
  auto i = requests_.find(lease);
  if (i == requests_.end())
    return std::nullopt;
  auto result = std::move(i->second);
  requests_.erase(i);
  return result;
}

bool express_lane::contains(std::uint64_t lease) const {
  std::lock_guard guard{mutex_};
  return requests_.count(lease) != 0;
}

bool express_lane::empty() const {
  std::lock_guard guard{mutex_};
  return requests_.empty();
}

std::optional<chunk_receiver> express_lane::count(std::uint64_t lease,
                                                  std::uint64_t number) {
  std::lock_guard guard{mutex_};
  auto i = requests_.find(lease);
  if (i == requests_.end())
    return std::nullopt;
  auto& x = i->second;
  auto expected = number == x.chunks && x.chunks < x.granted;
  ++x.chunks;
  return chunk_receiver{x.sender, x.answer, x.id, expected};
}

bool express_lane::grant(std::uint64_t lease, std::uint32_t chunks) {
  std::lock_guard guard{mutex_};
  auto i = requests_.find(lease);
  if (i == requests_.end() || i->second.granted == 0)
    return false;
  i->second.granted += chunks;
  return true;
}

std::string express_lane::command_of(std::uint64_t lease) const {
  std::lock_guard guard{mutex_};
  auto i = requests_.find(lease);
  return i == requests_.end() ? std::string{} : i->second.command;
}

// -- the worker's actor -------------------------------------------------------

void express_lane::open(int fd, std::uint64_t max_frame_bytes,
                        clock time_left) {
  wire::unique_fd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
  std::lock_guard guard{mutex_};
  time_left_ = std::move(time_left);
  pipe_ = std::move(copy);
  max_frame_ = max_frame_bytes;
}

void express_lane::close() {
  std::lock_guard guard{mutex_};
  pipe_.reset();
  time_left_ = {};
}

void express_lane::occupy() {
  std::lock_guard guard{mutex_};
  occupied_ = true;
}

void express_lane::vacate() {
  std::lock_guard guard{mutex_};
  occupied_ = false;
}

// -- senders ------------------------------------------------------------------

bool express_lane::send(const invocation& x, caf::message_id id,
                        const caf::strong_actor_ptr& sender) {
  // What is to be refused, the actor refuses.
  if (x.arguments.data.size() >= PIPE_BUF || !unsendable(x).empty())
    return false;
  auto time_left = usable();
  if (!time_left)
    return false;
  auto lease = id.request_id().integer_value();
  auto parts = parts_of(x, lease, time_left(lease));
  byte_buffer frame;
  frame.reserve(256);
  wire::append_call_head(frame, parts);
  append(frame, x.arguments.data);
  if (frame.size() > PIPE_BUF)
    return false;
  std::lock_guard guard{mutex_};
  if (!pipe_ || occupied_ || !requests_.empty() || frame.size() > max_frame_)
    return false;
  // Before it is written: the answer may come before write returns.
  auto [i, fresh] = requests_.emplace(lease, request_of(x, id, sender));
  auto n = ::write(pipe_.get(), frame.data(), frame.size());
  if (n == static_cast<ssize_t>(frame.size()))
    return true;
  requests_.erase(i); // full or broken: the actor finds out
  return false;
}

express_lane::clock express_lane::usable() const {
  std::lock_guard guard{mutex_};
  return pipe_ && !occupied_ && requests_.empty() ? time_left_ : clock{};
}

// -- the front ----------------------------------------------------------------

namespace {

class worker_front : public actor_without_mailbox {
public:
  worker_front(caf::actor_config& cfg, caf::actor worker,
               std::shared_ptr<express_lane> lane)
      : actor_without_mailbox(cfg), worker_(std::move(worker)),
        lane_(std::move(lane)) {
    // nop
  }

  void receive(caf::mailbox_element_ptr what, actor_runner* context) override {
    auto& content = what->content();
    if (what->mid.is_request() && content.match_elements<invocation>()
        && lane_->send(content.get_as<invocation>(0), what->mid, what->sender))
      return;
    worker_->enqueue(std::move(what), context);
  }

  const char* name() const override { return "charmer.worker_front"; }

private:
  const caf::actor worker_;
  const std::shared_ptr<express_lane> lane_;
};

} // namespace

caf::actor make_worker_front(caf::actor worker,
                             std::shared_ptr<express_lane> lane) {
  auto& sys = worker->home_system();
  caf::actor_config cfg;
  return caf::make_actor<worker_front, caf::actor>(
      sys.next_actor_id(), sys.node(), &sys, cfg, std::move(worker),
      std::move(lane));
}

} // namespace charmer
