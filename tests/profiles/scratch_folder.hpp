// A folder that goes when the test ends.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include <cstdlib>

struct scratch_folder {
  scratch_folder() {
    auto name =
        (std::filesystem::temp_directory_path() / "charmer-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = std::filesystem::canonical(name);
  }

  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  ~scratch_folder() { std::filesystem::remove_all(path); }

  std::filesystem::path path;
};
