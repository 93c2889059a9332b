// Which Python is taken. The interpreters are small scripts around
// /usr/bin/python3, which has protobuf on every machine that builds this; -S
// hides it.
#include "scratch_folder.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/interpreter.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

using namespace charmer;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

constexpr const char* complete = "exec /usr/bin/python3 \"$@\"";
constexpr const char* without_protobuf = "exec /usr/bin/python3 -S \"$@\"";

// A folder of programs that goes when the test ends.
class toolbox {
public:
  // A program that notes that it was run, then does what `script` says.
  std::string add(const fs::path& name, const std::string& script) {
    auto program = folder / name;
    fs::create_directories(program.parent_path());
    std::ofstream{program} << "#!/bin/sh\necho run >> " << log().string()
                           << '\n'
                           << script << '\n';
    fs::permissions(program, fs::perms::owner_all);
    return program.string();
  }

  std::size_t runs() const {
    std::ifstream in{log()};
    std::size_t result = 0;
    for (std::string line; std::getline(in, line);)
      ++result;
    return result;
  }

  const scratch_folder scratch;
  const fs::path folder = scratch.path;

private:
  fs::path log() const { return folder / "log"; }
};

pool_settings searching(const std::string& path) {
  pool_settings result;
  result.env = {{"PATH", path}, {"VIRTUAL_ENV", ""}};
  return result;
}

std::string found(const pool_settings& pool) {
  auto result = find_interpreter(pool);
  if (!result)
    FAIL(describe(result.error()));
  return *result;
}

std::string refusal(const pool_settings& pool, timespan limit = 10s) {
  auto result = find_interpreter(pool, limit);
  REQUIRE(!result);
  CHECK(result.error() == pool_errc::start_failed);
  return failure_of(result.error()).text;
}

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  CHECK(text.find(part) != std::string::npos);
  return true;
}

} // namespace

TEST_CASE("the first python3 on PATH that has protobuf is taken") {
  toolbox box;
  box.add("first/python3", without_protobuf);
  box.add("second/python3", complete);
  auto first = (box.folder / "first").string();
  auto second = (box.folder / "second").string();
  CHECK(found(searching(first + "::" + second)) == "/usr/bin/python3");
  CHECK(box.runs() == 2);
}

TEST_CASE("/usr/bin/python3 is tried when PATH has none that will do") {
  toolbox box;
  box.add("python3", without_protobuf);
  CHECK(found(searching(box.folder.string())) == "/usr/bin/python3");
  CHECK(box.runs() == 1);
}

TEST_CASE("the active virtual environment goes before PATH") {
  toolbox box;
  box.add("env/bin/python3", complete);
  box.add("path/python3", complete);
  auto pool = searching((box.folder / "path").string());
  pool.env["VIRTUAL_ENV"] = (box.folder / "env").string();
  found(pool);
  CHECK(box.runs() == 1);
}

TEST_CASE("an interpreter is run once, however often and by how many asked") {
  toolbox box;
  auto pool = searching("");
  pool.python = box.add("python3", complete);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 3; ++j)
        if (auto x = find_interpreter(pool); x && *x == "/usr/bin/python3")
          ++right;
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(right == 24);
  CHECK(box.runs() == 1);
}

TEST_CASE(
    "one that will not do is looked at again, and may be mended meanwhile") {
  toolbox box;
  auto pool = searching("");
  pool.python = box.add("python3", without_protobuf);
  has(refusal(pool), "has no protobuf");
  box.add("python3", complete);
  CHECK(found(pool) == "/usr/bin/python3");
  CHECK(found(pool) == "/usr/bin/python3");
  CHECK(box.runs() == 2);
}

TEST_CASE("the setting may be a path, a name or a virtual environment") {
  toolbox box;
  auto path = box.add("bin/python3", complete);
  box.add("bin/my-python", complete);
  auto pool = searching((box.folder / "bin").string());
  for (auto setting : {path, std::string{"my-python"}, box.folder.string()}) {
    CAPTURE(setting);
    pool.python = setting;
    CHECK(found(pool) == "/usr/bin/python3");
  }
  CHECK(box.runs() == 2);
}

TEST_CASE("an interpreter that the settings name is never replaced") {
  toolbox box;
  auto pool = searching("/usr/bin");
  pool.python = box.add("python3", without_protobuf);
  auto text = refusal(pool);
  has(text, "the settings name");
  has(text, pool.python + " has no protobuf");
  has(text, "apt-get install python3-protobuf");
}

TEST_CASE("not found, not executable and no environment are told apart") {
  toolbox box;
  auto pool = searching(box.folder.string());
  pool.python = "no-such-python";
  has(refusal(pool), "\"no-such-python\", is not found: no folder on PATH");
  pool.python = (box.folder / "python3").string();
  has(refusal(pool), "is not found: there is no such file");
  std::ofstream{box.folder / "python3"} << "text";
  has(refusal(pool), "is not executable");
  pool.python = box.folder.string();
  has(refusal(pool), "no virtual environment: it has no bin/python3");
}

TEST_CASE("what is no Python, or one too old, is named as such") {
  toolbox box;
  auto pool = searching("");
  pool.python = box.add("silent", "exit 3");
  has(refusal(pool),
      "does not answer as Python does: it ended with exit code 3");
  pool.python = box.add("talker", "echo once >&2; echo no luck >&2; exit 1");
  has(refusal(pool), "ended with exit code 1; it says \"no luck\"");
  pool.python = box.add("old", R"(printf '\ncharmer-probe 3 8 18\n/p\nno\n')");
  has(refusal(pool), "is Python 3.8.18; 3.9 or later is needed");
  pool.python = box.add(
      "dated", R"(printf '\ncharmer-probe 3 9 1\n/p\nversion 3.12.4\n')");
  has(refusal(pool), "protobuf version 3.12.4; 3.20 or later is needed "
                     "(/p -m pip install --upgrade protobuf)");
  std::ofstream{box.folder / "garbage"} << "\x7f garbage";
  fs::permissions(box.folder / "garbage", fs::perms::owner_all);
  pool.python = (box.folder / "garbage").string();
  has(refusal(pool), "cannot be run: Exec format error");
}

TEST_CASE("one that the environment keeps from starting says why, and what to "
          "do about it") {
  toolbox box;
  auto pool = searching("");
  pool.python = box.add("python3", complete);
  pool.env["PYTHONHOME"] = "/nowhere";
  has(refusal(pool), "Fatal Python error");
  has(refusal(pool), "unset PYTHONHOME, or set it to a Python's folder: it is "
                     "\"/nowhere\"");
}

TEST_CASE("one that prints when it starts is understood all the same") {
  toolbox box;
  auto pool = searching("");
  pool.python = box.add("chatty", std::string{"echo hello\n"} + complete);
  CHECK(found(pool) == "/usr/bin/python3");
}

TEST_CASE("one that hangs is ended with all it started") {
  toolbox box;
  auto pool = searching("");
  auto pid_file = (box.folder / "pid").string();
  pool.python = box.add("hangs", "/bin/sleep 600 & echo $! > " + pid_file
                                     + "\n/bin/sleep 600");
  auto start = std::chrono::steady_clock::now();
  has(refusal(pool, 300ms), "did not answer within 300ms");
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  pid_t grandchild = 0;
  std::ifstream{pid_file} >> grandchild;
  REQUIRE(grandchild > 0);
  // It is init's to collect; a zombie is as dead as one that is gone.
  auto alive = [&] {
    std::ifstream in{"/proc/" + std::to_string(grandchild) + "/stat"};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    auto state = text.find(") ");
    return state != std::string::npos && text[state + 2] != 'Z';
  };
  auto end = start + 10s;
  while (alive() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(5ms);
  CHECK_FALSE(alive());
}

TEST_CASE("what an interpreter leaves behind does not delay the answer") {
  toolbox box;
  auto pool = searching("");
  pool.python = box.add("forks", std::string{"/bin/sleep 600 &\n"} + complete);
  auto start = std::chrono::steady_clock::now();
  CHECK(found(pool) == "/usr/bin/python3");
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}

TEST_CASE("nothing of the host's is inherited but its environment") {
  toolbox box;
  auto before = std::signal(SIGPIPE, SIG_IGN);
  auto leak = ::open("/dev/null", O_RDONLY); // not close-on-exec
  REQUIRE(leak >= 3);
  auto pool = searching("");
  auto report = box.folder / "report";
  // Looks with the shell's own means, before a descriptor of Python's is open.
  pool.python =
      box.add("curious",
              "{ [ -e /proc/$$/fd/" + std::to_string(leak)
                  + " ] && echo leaked; /bin/grep SigIgn /proc/$$/status; } > "
                  + report.string() + "\n" + complete);
  CHECK(found(pool) == "/usr/bin/python3");
  ::close(leak);
  std::signal(SIGPIPE, before);
  std::ifstream in{report};
  std::string key;
  std::uint64_t ignored = ~0ull;
  in >> key >> std::hex >> ignored;
  CHECK(key == "SigIgn:"); // not "leaked"
  CHECK((ignored & (1ull << (SIGPIPE - 1))) == 0);
}

TEST_CASE("probing leaves no descriptor and no zombie") {
  toolbox box;
  auto descriptors = [] {
    return std::distance(fs::directory_iterator{"/proc/self/fd"},
                         fs::directory_iterator{});
  };
  auto before = descriptors();
  auto pool = searching("");
  for (int i = 0; i < 10; ++i) {
    pool.python = box.add("python" + std::to_string(i), "exit 0");
    refusal(pool);
  }
  CHECK(descriptors() == before);
  std::ifstream children{"/proc/self/task/" + std::to_string(::gettid())
                         + "/children"};
  std::string text;
  std::getline(children, text);
  CHECK(text.empty());
}
