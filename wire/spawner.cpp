#include "charmer/wire/spawner.hpp"

#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace charmer::wire {

namespace {

bool make_non_blocking(const unique_fd& fd) {
  return ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK)
         == 0;
}

// A worker that is gone must be an error of write, not the end of the host.
// Children get the default back.
void ignore_broken_pipes() {
  ::signal(SIGPIPE, SIG_IGN);
}

} // namespace

spawner& spawner::instance() {
  // Never destroyed: the thread must outlive whatever still holds a child while
  // the process ends.
  static auto* one = new spawner(operating_system::real());
  return *one;
}

spawner::spawner(operating_system& os)
    : os_(os), wake_up_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  ignore_broken_pipes();
  // Signals are the application's: one that it waits for must not end the
  // process on this thread, which may be older than its mask.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { run(); }};
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

spawner::~spawner() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  wake();
  thread_.join();
}

void spawner::start(plan what, started tell, std::uint32_t threads) {
  post([this, what = std::move(what), tell = std::move(tell), threads] {
    tell(launch(what, threads));
  });
}

void spawner::bury(pid_t pid, std::shared_ptr<const unique_fd> pidfd,
                   child_process::buried done) {
  post([this, pid, pidfd = std::move(pidfd), done = std::move(done)] {
    corpses_.push_back({pid, pidfd, done});
  });
}

void spawner::post(job what) {
  {
    std::lock_guard guard{mutex_};
    jobs_.push_back(std::move(what));
  }
  wake();
}

void spawner::wake() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake_up_.get(), &one, sizeof one);
}

void spawner::run() {
  ::pthread_setname_np(::pthread_self(), "charmer-spawner");
  while (run_jobs())
    wait();
}

// Runs what was posted. False: there is nothing left to do, ever.
bool spawner::run_jobs() {
  std::vector<job> jobs;
  bool stopping;
  {
    std::lock_guard guard{mutex_};
    jobs.swap(jobs_);
    stopping = stopping_;
  }
  for (auto& x : jobs) {
    x();
    // A hundred starts in a row take their time; corpses should not wait.
    reap_ended();
  }
  return !jobs.empty() || !corpses_.empty() || !stopping;
}

void spawner::wait() {
  std::vector<pollfd> fds{{wake_up_.get(), POLLIN, 0}};
  for (auto& x : corpses_)
    fds.push_back({x.pidfd->get(), POLLIN, 0});
  {
    std::lock_guard guard{mutex_};
    if (!jobs_.empty() || (stopping_ && corpses_.empty()))
      return;
  }
  // Without a descriptor to be woken by (there was none left), look again soon.
  ::poll(fds.data(), fds.size(), wake_up_ ? -1 : 20);
  std::uint64_t ignored;
  [[maybe_unused]] auto n = ::read(wake_up_.get(), &ignored, sizeof ignored);
  reap_ended();
}

void spawner::reap_ended() {
  for (std::size_t i = 0; i < corpses_.size();) {
    if (!os_.ended(corpses_[i].pidfd->get())) {
      ++i;
      continue;
    }
    auto x = std::exchange(corpses_[i], std::move(corpses_.back()));
    corpses_.pop_back();
    // Whatever the group forked while it was being killed.
    os_.signal_group(x.pid, SIGKILL);
    forget(x.pid);
    auto status = os_.reap(x.pidfd->get());
    if (x.done)
      x.done(status);
  }
}

void spawner::forget(pid_t pid) {
  if (guardian_)
    guardian_->forget(pid);
}

caf::expected<std::unique_ptr<child_process>>
spawner::launch(const plan& what, std::uint32_t threads) {
  auto command = what();
  if (!command)
    return std::move(command.error());
  auto in = os_.pipe();
  auto out = in ? os_.pipe() : in.error();
  auto err = out ? os_.pipe() : out.error();
  if (!err)
    return std::move(err.error());
  if (!make_non_blocking(in->write) || !make_non_blocking(out->read)
      || !make_non_blocking(err->read))
    return system_error("cannot make a pipe non-blocking");
  unique_fd page_fd;
  auto page = progress_page::make(os_, threads, page_fd);
  if (!page)
    return std::move(page.error());
  if (!guardian_)
    guardian_.emplace(os_);
  auto process = os_.launch(*command, {in->read.get(), out->write.get(),
                                       err->write.get(), page_fd.get()});
  if (!process)
    return std::move(process.error());
  guardian_->watch(process->pid);
  auto child = std::make_unique<child_process>(*this, std::move(*process));
  child->input = std::move(in->write);
  child->output = std::move(out->read);
  child->errors = std::move(err->read);
  child->page = std::move(*page);
  return child;
}

} // namespace charmer::wire
