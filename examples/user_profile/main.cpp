// A profile of one's own: each worker is a program that answers a line with a
// line, here a shell script. The pool gives it everything else: a queue,
// deadlines, replacement of programs that die or hang, statistics.
//
// What a profile has to do:
//   - start_worker spawns an actor, says `ready`, and once it is gone `died`;
//   - the actor answers requests, calls `retiring` when it is asked to stop,
//     and ends upon dismiss_atom;
//   - stop_worker ends one that does not listen: here it kills the program.
#include <caf/io/all.hpp>
#include <charmer/charmer.hpp>

#include <atomic>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>

#include <csignal>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

// A program, with a socket as its stdin and stdout.
class program {
public:
  explicit program(std::string script) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return;
    ours_ = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char* arguments[] = {shell, option, script.data(), nullptr};
    if (::posix_spawn(&pid_, shell, &actions, nullptr, arguments, environ) != 0)
      pid_ = 0;
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
  }

  ~program() {
    kill();
    if (pid_ != 0)
      ::waitpid(pid_, nullptr, 0);
    ::close(ours_);
  }

  // Any thread; the program is waited for only when nobody has it any more.
  void kill() {
    if (pid_ != 0)
      ::kill(pid_, SIGKILL);
  }

  // Blocks. Nothing: the program has ended.
  std::optional<std::string> ask(std::string line) {
    line += '\n';
    if (::send(ours_, line.data(), line.size(), MSG_NOSIGNAL) < 0)
      return std::nullopt;
    std::string answer;
    for (char c; ::recv(ours_, &c, 1, 0) == 1; answer += c)
      if (c == '\n')
        return answer;
    return std::nullopt;
  }

  pid_t pid() const { return pid_; }

private:
  int ours_ = -1;
  pid_t pid_ = 0;
};

using program_ptr = std::shared_ptr<program>;

// It blocks while the program works, and so has a thread of its own.
caf::behavior worker(caf::event_based_actor* self, program_ptr runs,
                     std::shared_ptr<charmer::worker_host> host) {
  self->set_exit_handler([=](caf::exit_msg&) { host->retiring(); });
  return {
      [=](const std::string& line) -> caf::result<std::string> {
        if (auto answer = runs->ask(line))
          return *answer;
        self->quit(caf::exit_reason::unhandled_exception);
        return self->make_response_promise(); // the pool will say it
      },
      [=](charmer::dismiss_atom) { self->quit(); },
  };
}

class program_profile : public charmer::worker_profile {
public:
  caf::expected<caf::actor> start_worker(caf::actor_system& sys,
                                         charmer::worker_start what) override {
    auto runs = std::make_shared<program>(what.settings->env.at("SCRIPT"));
    auto handle = sys.spawn<caf::detached>(worker, runs, what.host);
    {
      std::lock_guard guard{mutex_};
      programs_[handle.id()] = runs;
    }
    what.host->ready({.handle = handle, .pid = runs->pid()});
    charmer::on_exit(handle, [this, host = what.host,
                              id = handle.id()](const caf::error& why) {
      forget(id);
      host->died({make_error(charmer::pool_errc::worker_died,
                             std::string{"the program has ended"}),
                  !why || why == caf::exit_reason::user_shutdown});
    });
    return handle;
  }

  void stop_worker(const caf::strong_actor_ptr& who, charmer::worker_end how,
                   charmer::actor_runner* context) override {
    if (how == charmer::worker_end::finished) {
      worker_profile::stop_worker(who, how, context);
      return;
    }
    std::lock_guard guard{mutex_};
    if (auto i = programs_.find(who->id()); i != programs_.end())
      i->second->kill();
  }

  std::uint32_t get_capacity(const charmer::pool_settings&) const override {
    return 1;
  }

  charmer::worker_metadata
  get_metadata(const charmer::worker_view& x) const override {
    auto result = worker_profile::get_metadata(x);
    result.more["shell"] = R"("/bin/sh")";
    return result;
  }

private:
  void forget(caf::actor_id id) {
    std::lock_guard guard{mutex_};
    programs_.erase(id);
  }

  std::mutex mutex_;
  std::map<caf::actor_id, program_ptr> programs_;
};

constexpr auto pools = R"({ "pools": [
  { "name": "greeters", "profile": "program", "size": 2,
    "cancel_grace": "50ms", "restart_backoff": {"minimum": "10ms"},
    "env": { "SCRIPT": "while read -r name; do case $name in
        die) exit 1;; hang) exec sleep 600;; *) echo \"hello, $name\";;
      esac; done" } } ] })";

} // namespace

void caf_main(caf::actor_system& sys, const charmer::config&) {
  charmer::register_profile("program", std::make_shared<program_profile>());
  std::string text;
  for (char c : std::string_view{pools})
    text += c == '\n' ? ' ' : c; // JSON has no strings of several lines
  auto app = charmer::start(sys, charmer::settings::from_json(text));
  if (!app) {
    std::cerr << charmer::describe(app.error()) << '\n';
    return;
  }
  if (auto err = app->await_all(10s))
    std::cerr << charmer::describe(err) << '\n';
  auto pool = *app->pool("greeters");
  caf::scoped_actor self{sys};
  auto greet = [&](const std::string& name) {
    auto briefly = pool.with({.timeout = 1s});
    self->request(briefly.actor(), caf::infinite, name)
        .receive([](const std::string& x) { std::cout << x << '\n'; },
                 [](const caf::error& e) {
                   std::cout << charmer::describe(e) << '\n';
                 });
  };
  for (auto name : {"ann", "die", "bob", "hang", "cyd"})
    greet(name);
  auto all = app->metadata("greeters");
  if (all && !all->empty())
    std::cout << to_json(all->front()) << '\n';
  std::cout << to_string(*app->stats("greeters")) << '\n';
}

CAF_MAIN(caf::io::middleman)
