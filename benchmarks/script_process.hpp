// A script on two pipes, run by its interpreter: no pool, no actors.
//
// What it writes to stderr goes to our own. It is killed when the object ends.
//
// Threading: one thread, which must live as long as the object. Errors:
// std::runtime_error.
//
//   script_process echo{"/usr/bin/python3", "bare_echo.py"};
//   echo.write(text);
//   echo.read(buffer);
#pragma once

#include "charmer/wire/operating_system.hpp"

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

class script_process {
public:
  /// Runs `interpreter file arguments…`; the file is one of this folder's.
  script_process(const std::string& interpreter, const std::string& file,
                 const std::vector<std::string>& arguments = {});

  script_process(const script_process&) = delete;

  ~script_process();

  /// Blocks until all is written.
  void write(std::string_view bytes);

  /// Blocks until the buffer is full.
  void read(std::span<char> buffer);

  /// Writes a line; the one that is answered, without its end. Throws if none
  /// comes in time.
  std::string ask(const std::string& line, std::chrono::milliseconds limit);

  /// SIGKILL.
  void kill();

  /// Throws if it has not closed its output in time.
  void await_end_of_file(std::chrono::milliseconds limit);

  /// What it writes until it ends; throws if it does not end in time, or not
  /// with exit status 0. Call it once, last.
  std::string finish(std::chrono::milliseconds limit);

private:
  charmer::wire::unique_fd in_;
  charmer::wire::unique_fd out_;
  charmer::wire::launched child_;
};

} // namespace bench
