#include "script_process.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace bench {

namespace {

namespace wire = charmer::wire;

using clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error{what + ": " + std::strerror(errno)};
}

template <class T>
T value_of(caf::expected<T> x) {
  if (!x)
    throw std::runtime_error{caf::to_string(x.error().context())};
  return std::move(*x);
}

std::vector<std::string> environment() {
  std::vector<std::string> result;
  for (auto at = ::environ; *at != nullptr; ++at)
    result.emplace_back(*at);
  return result;
}

void await(int fd, clock::time_point end) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now());
  pollfd waiting{fd, POLLIN, 0};
  if (left.count() <= 0
      || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0)
    throw std::runtime_error{"a baseline did not end in time"};
}

} // namespace

script_process::script_process(const std::string& interpreter,
                               const std::string& file,
                               const std::vector<std::string>& arguments) {
  auto& os = wire::operating_system::real();
  auto input = value_of(os.pipe());
  auto output = value_of(os.pipe());
  wire::command_line what{
      .arguments = {interpreter, CHARMER_BENCHMARKS "/" + file},
      .environment = environment()};
  what.arguments.insert(what.arguments.end(), arguments.begin(),
                        arguments.end());
  wire::unique_fd nothing{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  child_ = value_of(os.launch(what, {.standard_input = input.read.get(),
                                     .standard_output = output.write.get(),
                                     .standard_error = STDERR_FILENO,
                                     .page = nothing.get()}));
  in_ = std::move(input.write);
  out_ = std::move(output.read);
}

script_process::~script_process() {
  if (!child_.pidfd)
    return;
  auto& os = wire::operating_system::real();
  os.signal_group(child_.pid, SIGKILL);
  os.reap(child_.pidfd.get());
}

void script_process::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::write(in_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR)
      fail("cannot write to a baseline");
    bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
  }
}

void script_process::read(std::span<char> buffer) {
  while (!buffer.empty()) {
    auto n = ::read(out_.get(), buffer.data(), buffer.size());
    if (n == 0)
      throw std::runtime_error{"a baseline ended early"};
    if (n < 0 && errno != EINTR)
      fail("cannot read from a baseline");
    buffer = buffer.subspan(n > 0 ? static_cast<std::size_t>(n) : 0);
  }
}

std::string script_process::ask(const std::string& line,
                                std::chrono::milliseconds limit) {
  auto end = clock::now() + limit;
  write(line + '\n');
  std::string said;
  for (char c = 0; c != '\n'; said += c) {
    await(out_.get(), end);
    read({&c, 1});
  }
  said.pop_back();
  return said;
}

void script_process::kill() {
  wire::operating_system::real().signal_group(child_.pid, SIGKILL);
}

void script_process::await_end_of_file(std::chrono::milliseconds limit) {
  await(out_.get(), clock::now() + limit);
  char c = 0;
  if (::read(out_.get(), &c, 1) != 0)
    fail("no end of file");
}

std::string script_process::finish(std::chrono::milliseconds limit) {
  auto end = clock::now() + limit;
  in_.reset();
  std::string said;
  for (std::array<char, 4096> buffer;;) {
    await(out_.get(), end);
    auto n = ::read(out_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno != EINTR)
      fail("cannot read from a baseline");
    if (n == 0)
      break;
    said.append(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  await(child_.pidfd.get(), end);
  auto status = wire::operating_system::real().reap(child_.pidfd.get());
  child_.pidfd.reset();
  if (status.code != 0)
    throw std::runtime_error{"a baseline failed: " + status.text()};
  return said;
}

} // namespace bench
