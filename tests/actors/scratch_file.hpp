// A file that a test and a worker talk by; gone with the test.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <cstdlib>
#include <unistd.h>

namespace charmer_tests {

class scratch_file {
public:
  scratch_file() {
    auto text =
        (std::filesystem::temp_directory_path() / "charmer-XXXXXX").string();
    auto fd = ::mkstemp(text.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    path = text;
  }

  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;

  ~scratch_file() { std::filesystem::remove(path); }

  void write(const std::string& text) {
    // At once, because somebody may read it meanwhile.
    auto next = path + ".next";
    std::ofstream{next} << text;
    std::filesystem::rename(next, path);
  }

  std::uintmax_t size() const { return std::filesystem::file_size(path); }

  /// Waits until somebody has written so many bytes.
  bool wait_for(std::uintmax_t bytes) const {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (size() < bytes) {
      if (std::chrono::steady_clock::now() > end)
        return false;
      std::this_thread::yield();
    }
    return true;
  }

  int lines() const {
    std::ifstream in{path};
    int result = 0;
    for (std::string line; std::getline(in, line);)
      ++result;
    return result;
  }

  std::string path;
};

} // namespace charmer_tests
