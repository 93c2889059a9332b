// What an interpreter is, and what it has for a pool: with real ones.
#include "scratch_folder.hpp"

#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/examination.hpp"
#include "charmer/profiles/interpreter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace charmer;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

// A folder of adapters and interpreters that goes when the test ends.
class workshop {
public:
  workshop() { setenv("CHARMER_PYTHON_PACKAGE", CHARMER_PYTHON_PACKAGE, 1); }

  // An adapter of this text.
  pool_settings adapter(const std::string& text, std::string name = "mine") {
    std::ofstream{folder / "mine.py"} << text;
    pool_settings result;
    result.adapter = std::move(name);
    result.python = "/usr/bin/python3";
    result.python_path = {folder.string()};
    return result;
  }

  // An interpreter that is a shell script, and the pool that names it.
  pool_settings interpreter(const std::string& script) {
    auto program = folder / "python3";
    std::ofstream{program} << "#!/bin/sh\n" << script << '\n';
    fs::permissions(program, fs::perms::owner_all);
    pool_settings result;
    result.python = program.string();
    return result;
  }

  const scratch_folder scratch;
  const fs::path folder = scratch.path;
};

examination found(const pool_settings& pool) {
  auto result = examine(pool);
  if (!result)
    FAIL(describe(result.error()));
  return *result;
}

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

// The answer of an interpreter that there need not be on this machine.
std::string says(const std::string& version, const std::string& gil) {
  return "printf '\\ncharmer-probe " + version + "\\n/opt/python\\nnothing\\n"
         + "4.21.12\\n" + gil + "\\n'";
}

} // namespace

TEST_CASE("the version of an interpreter is detected") {
  pool_settings pool;
  pool.python = "/usr/bin/python3";
  auto version = interpreter::detect(pool);
  REQUIRE(version);
  CHECK(*version >= python_version{3, 9, 0});
  auto info = interpreter::info(pool);
  CHECK(info.version == *version);
  CHECK(has(info.executable, "/usr/bin/python3"));
  CHECK(info.protobuf.find('.') != std::string::npos);
  CHECK(info.fault == interpreter_fault::none);
  CHECK(info.problem.empty());
  CHECK(interpreter::validate(pool) == interpreter_fault::none);
}

TEST_CASE("a version is read from its text") {
  CHECK(parse_python_version("3.13.0") == python_version{3, 13, 0});
  CHECK(parse_python_version("3.13") == python_version{3, 13, 0});
  CHECK(parse_python_version("3.13.0rc2") == python_version{3, 13, 0});
  CHECK(to_string(*parse_python_version("3.9.18")) == "3.9.18");
  for (auto text : {"", "3", "three", "3.x", "-3.1", "."})
    CHECK_FALSE(parse_python_version(text));
}

TEST_CASE("from 3.13 on a version may do without the GIL") {
  CHECK_FALSE(interpreter::supports_free_threading(python_version{3, 12, 9}));
  CHECK(interpreter::supports_free_threading(python_version{3, 13, 0}));
  CHECK(interpreter::supports_free_threading(python_version{3, 14, 0}));
  CHECK_FALSE(interpreter::supports_free_threading(python_version{2, 14, 0}));
}

TEST_CASE("threads are recommended where the GIL is off, else processes") {
  workshop shop;
  struct {
    const char* version;
    const char* gil; // built so that it can be off; is on
    bool is_off;
  } cases[] = {
      {"3 11 2", "0 1", false},
      {"3 13 0", "0 1", false},
      {"3 13 0", "1 0", true},
      {"3 14 1", "1 1", false}, // an extension or PYTHON_GIL=1
  };
  for (auto& x : cases) {
    CAPTURE(x.version);
    CAPTURE(x.gil);
    auto pool = shop.interpreter(says(x.version, x.gil));
    pool.env = {{"CASE", std::string{x.version} + x.gil}}; // not remembered
    auto info = interpreter::info(pool);
    CHECK(info.executable == "/opt/python");
    CHECK(interpreter::supports_free_threading(info) == x.is_off);
    CHECK(interpreter::recommend_profile(info)
          == (x.is_off ? "thread" : "process"));
  }
}

TEST_CASE("each fault of an interpreter is one of its own") {
  workshop shop;
  pool_settings pool;
  pool.python = (shop.folder / "nowhere").string();
  CHECK(interpreter::validate(pool) == interpreter_fault::not_found);
  auto version = interpreter::detect(pool);
  REQUIRE(!version);
  CHECK(has(describe(version.error()), "is not found"));
  std::ofstream{shop.folder / "text"} << "text";
  pool.python = (shop.folder / "text").string();
  CHECK(interpreter::validate(pool) == interpreter_fault::not_executable);
  CHECK(has(interpreter::info(pool).remedy, "chmod +x"));
  pool = shop.interpreter("exit 3");
  CHECK(interpreter::validate(pool) == interpreter_fault::no_answer);
  pool = shop.interpreter("exec /usr/bin/python3 -S \"$@\"");
  pool.env = {{"CASE", "no protobuf"}};
  auto info = interpreter::info(pool);
  CHECK(info.fault == interpreter_fault::no_protobuf);
  CHECK(info.protobuf.empty());
  CHECK(has(info.remedy, "python3-protobuf"));
  // Of what cannot run a worker, the version is known all the same.
  CHECK(interpreter::detect(pool));
  pool = shop.interpreter(says("3 8 18", "0 1"));
  pool.env = {{"CASE", "old"}};
  CHECK(interpreter::validate(pool) == interpreter_fault::too_old);
}

TEST_CASE("faults have names") {
  CHECK(to_string(interpreter_fault::none) == "none");
  CHECK(to_string(interpreter_fault::not_found) == "not_found");
  CHECK(to_string(interpreter_fault::not_executable) == "not_executable");
  CHECK(to_string(interpreter_fault::no_answer) == "no_answer");
  CHECK(to_string(interpreter_fault::too_old) == "too_old");
  CHECK(to_string(interpreter_fault::no_protobuf) == "no_protobuf");
}

TEST_CASE("an examination tells what is installed and what is imported") {
  workshop shop;
  auto x = found(shop.adapter("import sqlite3\n"
                              "def look(): return 1\n"));
  CHECK(x.adapter_error.empty());
  CHECK(x.libraries.count("sqlite3") == 1);
  CHECK(x.libraries.at("sqlite3").empty());
  CHECK(x.imported == std::vector<std::string>{"sqlite3"});
  CHECK(x.import_time > timespan{0});
  CHECK(x.gil_enabled);
}

TEST_CASE("installed libraries are found with their versions, unimported") {
  workshop shop;
  fs::create_directories(shop.folder / "numpy-1.19.5.dist-info");
  std::ofstream{shop.folder / "numpy-1.19.5.dist-info" / "METADATA"}
      << "Metadata-Version: 2.1\nName: numpy\nVersion: 1.19.5\n";
  std::ofstream{shop.folder / "numpy.py"} << "raise SystemError('imported')\n";
  auto x = found(shop.adapter("def look(): return 1\n"));
  CHECK(x.adapter_error.empty());
  CHECK(x.libraries.at("numpy") == "1.19.5");
  CHECK(x.imported.empty());
}

TEST_CASE("why an adapter cannot be imported is told as a worker would") {
  workshop shop;
  auto missing = found(shop.adapter("import no_such_package.inner\n"));
  CHECK(missing.missing_module == "no_such_package");
  CHECK(has(missing.traceback, "mine.py\", line 1"));
  auto broken = found(shop.adapter("raise ValueError('no model')\n"));
  CHECK(broken.adapter_error == "ValueError: no model");
  CHECK(has(broken.traceback, "mine.py\", line 1"));
  auto quits = found(shop.adapter("import sys; sys.exit(3)\n"));
  CHECK(has(quits.adapter_error, "SystemExit"));
  auto pool = shop.adapter("", "nowhere");
  CHECK(has(found(pool).adapter_error, "no module 'nowhere'"));
  pool.adapter = "mine:Missing";
  CHECK(has(found(pool).adapter_error, "has no 'Missing'"));
}

TEST_CASE("a thread pool's adapter has to say that it is thread-safe") {
  workshop shop;
  auto pool = shop.adapter("import charmer\n"
                           "class One(charmer.Adapter): pass\n"
                           "class All(charmer.ThreadSafeAdapter):\n"
                           "    @charmer.command\n"
                           "    def f(self): pass\n");
  pool.profile = "thread";
  pool.adapter = "mine:One";
  CHECK(has(found(pool).adapter_error, "thread-safe"));
  pool.adapter = "mine:All";
  CHECK(found(pool).adapter_error.empty());
}

TEST_CASE("what an adapter prints, or leaves running, does not disturb") {
  workshop shop;
  auto x = found(shop.adapter("import atexit, charmer, os, threading, time\n"
                              "@charmer.command\n"
                              "def f(): pass\n"
                              "print('hello')\n"
                              "os.write(1, b'{}\\n')\n"
                              "atexit.register(time.sleep, 600)\n"
                              "threading.Thread(target=time.sleep,\n"
                              "                 args=(600,)).start()\n"));
  CHECK(x.adapter_error.empty());
}

TEST_CASE("an adapter may print as much as it likes") {
  workshop shop;
  std::string target;
  SUBCASE("on stdout") {
    target = "stdout";
  }
  SUBCASE("on stderr") {
    target = "stderr";
  }
  auto x = found(shop.adapter("import charmer, sys\n"
                              "for i in range(300):\n"
                              "    sys."
                              + target
                              + ".write(9999 * 'x' + '\\n')\n"
                                "@charmer.command\n"
                                "def f(): pass\n"));
  CHECK(x.adapter_error == "");
}

TEST_CASE("an adapter that kills or stops its interpreter is an error") {
  workshop shop;
  auto killed = examine(shop.adapter("import os; os.abort()\n"));
  REQUIRE(!killed);
  CHECK(killed.error() == pool_errc::start_failed);
  CHECK(has(describe(killed.error()), "importing the adapter mine"));
  CHECK(has(describe(killed.error()), "killed by signal 6"));
  auto left = examine(shop.adapter("import os; os._exit(7)\n"));
  REQUIRE(!left);
  CHECK(has(describe(left.error()), "ended with exit code 7"));
  auto hangs = examine(shop.adapter("import time; time.sleep(600)\n"), 300ms);
  REQUIRE(!hangs);
  CHECK(has(describe(hangs.error()), "did not answer within 300ms"));
}

TEST_CASE("an adapter is imported with the pool's environment and folder") {
  workshop shop;
  auto pool = shop.adapter("import charmer, os\n"
                           "@charmer.command\n"
                           "def f(): pass\n"
                           "assert os.environ['MODEL'] == 'small'\n"
                           "assert os.environ['OMP_NUM_THREADS'] == '1'\n"
                           "assert os.getcwd() == '/usr'\n");
  pool.env = {{"MODEL", "small"}};
  pool.cwd = "/usr";
  auto x = found(pool);
  CHECK_MESSAGE(x.adapter_error.empty(), x.traceback);
}
