#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

namespace {

// Which thread crashed, and where it was, is gone with the process: a failure
// that comes once in a thousand runs must say it the first time.
void tell_crash(int what) {
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
  raise(what); // this handler is gone: the process ends
}

void tell_crashes() {
  void* frames[1];
  backtrace(frames, 1); // loads what it needs while nothing is wrong
  struct sigaction how = {};
  how.sa_handler = tell_crash;
  how.sa_flags = static_cast<int>(SA_RESETHAND);
  for (auto what : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    sigaction(what, &how, nullptr);
}

} // namespace

int main(int argc, char** argv) {
  tell_crashes();
  std::cout << std::unitbuf; // what was found is not lost in a crash
  return doctest::Context{argc, argv}.run();
}
