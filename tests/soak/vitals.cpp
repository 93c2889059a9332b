#include "vitals.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <malloc.h>
#include <unistd.h>

namespace soak {

namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

// Each child was created by some thread.
std::vector<pid_t> children() {
  std::vector<pid_t> result;
  std::error_code gone;
  for (auto& task : fs::directory_iterator{"/proc/self/task", gone}) {
    std::ifstream file{task.path() / "children"};
    for (pid_t pid; file >> pid;)
      result.push_back(pid);
  }
  return result;
}

std::string text_of(pid_t pid, const char* file) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/" + file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

bool is_worker(pid_t pid) {
  return text_of(pid, "cmdline").find("--worker") != std::string::npos;
}

bool is_zombie(pid_t pid) {
  auto text = text_of(pid, "stat");
  auto at = text.rfind(") ");
  return at != std::string::npos && text[at + 2] == 'Z';
}

std::uint64_t resident(const std::string& process) {
  std::ifstream in{"/proc/" + process + "/statm"};
  std::uint64_t all = 0;
  std::uint64_t pages = 0;
  in >> all >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::size_t descriptors(const std::string& process) {
  std::error_code gone;
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator{"/proc/" + process + "/fd", gone},
                    fs::directory_iterator{}));
}

} // namespace

std::vector<pid_t> workers() {
  auto result = children();
  std::erase_if(result, [](pid_t pid) { return !is_worker(pid); });
  return result;
}

std::vector<pid_t> workers_without(const std::string& variable) {
  auto result = workers();
  std::erase_if(result, [&](pid_t pid) {
    auto all = '\0' + text_of(pid, "environ");
    return all.find('\0' + variable + '=') != std::string::npos;
  });
  return result;
}

vitals look_at(pid_t pid) {
  auto process = std::to_string(pid);
  return {.memory = resident(process), .descriptors = descriptors(process)};
}

vitals look() {
  auto all = children();
  malloc_trim(0);
  // One descriptor is that of the list of descriptors.
  vitals result{.memory = resident("self"),
                .descriptors = descriptors("self") - 1};
  for (auto pid : all) {
    result.workers += is_worker(pid);
    result.zombies += is_zombie(pid);
  }
  return result;
}

std::string to_string(const vitals& x) {
  std::array<char, 120> text;
  std::snprintf(text.data(), text.size(),
                "RSS %.1f MiB, %zu descriptors, %zu workers, %zu zombies",
                static_cast<double>(x.memory) / (1 << 20), x.descriptors,
                x.workers, x.zombies);
  return text.data();
}

vitals usual(double seconds) {
  std::vector<vitals> all;
  auto end = clock::now() + std::chrono::duration<double>(seconds);
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    all.push_back(look());
  } while (clock::now() < end);
  auto at = [&](std::size_t place, auto vitals::*which) {
    std::sort(all.begin(), all.end(),
              [=](auto& x, auto& y) { return x.*which < y.*which; });
    return all[place].*which;
  };
  auto middle = all.size() / 2;
  return {at(0, &vitals::memory), at(middle, &vitals::descriptors),
          at(middle, &vitals::workers), at(middle, &vitals::zombies)};
}

bool eventually(double seconds, const std::function<bool()>& holds) {
  auto end = clock::now() + std::chrono::duration<double>(seconds);
  while (!holds()) {
    if (clock::now() >= end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

} // namespace soak
