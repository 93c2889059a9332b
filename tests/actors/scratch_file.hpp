// A file that a test and a worker talk by; gone with the test.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

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

  std::string path;
};

} // namespace charmer_tests
