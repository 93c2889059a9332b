#include "charmer/wire/guardian.hpp"

#include <string>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace charmer::wire {

namespace {

constexpr auto script = R"(trap '' INT TERM HUP QUIT TSTP
all=
while read -r what group; do
  case $what in
    +) all="$all $group" ;;
    -) rest=
       for x in $all; do [ "$x" = "$group" ] || rest="$rest $x"; done
       all=$rest ;;
  esac
done
for x in $all; do kill -s KILL -- "-$x"; done)";

} // namespace

guardian::guardian(operating_system& os) : os_(os) {
  auto ends = os.pipe();
  unique_fd nothing{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  if (!ends || !nothing)
    return;
  // It must never hold up who tells it.
  ::fcntl(ends->write.get(), F_SETFL, O_NONBLOCK);
  auto shell =
      os.launch({.arguments = {"/bin/sh", "-c", script, "charmer-guardian"},
                 .outlives_host = true},
                {ends->read.get(), nothing.get(), nothing.get()});
  if (!shell)
    return;
  shell_ = std::move(*shell);
  pipe_ = std::move(ends->write);
  working_ = true;
}

guardian::~guardian() {
  if (!shell_.pidfd)
    return;
  // Not by the end of the pipe: a process that the host has forked may hold it.
  os_.signal(shell_.pidfd.get(), SIGKILL);
  os_.reap(shell_.pidfd.get());
}

void guardian::tell(char what, pid_t group) {
  if (!working_)
    return;
  auto line = what + (' ' + std::to_string(group)) + '\n';
  if (::write(pipe_.get(), line.data(), line.size())
      == static_cast<ssize_t>(line.size()))
    return;
  // It is dead, or stopped for so long that the pipe is full. One that has not
  // heard of an end must not act on what it knows.
  working_ = false;
  os_.signal(shell_.pidfd.get(), SIGKILL);
}

} // namespace charmer::wire
