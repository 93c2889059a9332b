// The adapters that users copy, through a pool as users run them.
#include "pool_fixture.hpp"

#include "charmer/profiles/examination.hpp"

#include <caf/io/all.hpp>

#include <array>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace charmer_tests;

namespace {

using nlohmann::json;

pool_settings example(const std::string& adapter, std::uint32_t threads = 1) {
  pool_settings x;
  x.size = 1;
  x.adapter = adapter;
  x.python_path = {CHARMER_TEST_DATA "/../../examples/adapters"};
  if (threads > 1) {
    x.profile = "thread";
    x.threads_per_worker = threads;
  }
  return x;
}

json result_of(pool_fixture& f, const std::string& command,
               arguments args = {}) {
  auto out = f.call(command, std::move(args));
  REQUIRE_MESSAGE(!out.why, describe(out.why));
  return out.json();
}

// A server that says one line to whoever connects, until it goes.
class greeter {
public:
  greeter() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto where = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_, where, sizeof(address)) == 0);
    REQUIRE(::listen(socket_, 16) == 0);
    socklen_t size = sizeof(address);
    ::getsockname(socket_, where, &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }

  ~greeter() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

  int port = 0;

private:
  void serve() {
    for (int peer; (peer = ::accept(socket_, nullptr, nullptr)) >= 0;) {
      std::array<char, 1000> asked;
      constexpr std::string_view line = "HTTP/1.0 200 OK\r\n\r\n";
      if (::recv(peer, asked.data(), asked.size(), 0) > 0)
        ::send(peer, line.data(), line.size(), MSG_NOSIGNAL);
      ::close(peer);
    }
  }

  int socket_;
  std::thread thread_;
};

} // namespace

TEST_CASE("the showcase greets, reverses, divides and refuses") {
  auto x = example("showcase:Showcase");
  x.adapter_options = R"({"greeting": "Hello"})";
  pool_fixture f{x};
  CHECK(result_of(f, "greet", {{"name", "Ada"}}) == "Hello, Ada!");
  CHECK(f.call("reverse", payload::raw("abc")).value.text() == "cba");
  CHECK(result_of(f, "add", {{"a", 1}, {"b", 2}}) == 3);
  CHECK(result_of(f, "divide-by", {{"a", 1}, {"b", 4}}) == 0.25);
  auto refused = f.call("divide-by", {{"a", 1}, {"b", 0}});
  CHECK(refused.why == pool_errc::python_exception);
  CHECK(refused.what().text.find("cannot divide by nothing")
        != std::string::npos);
  CHECK(result_of(f, "primes", {{"below", 20}}).size() == 8);
  auto left = f.call("patience", {}, {.timeout = 10s});
  CHECK(left.json().get<double>() > 0);
  CHECK(left.json().get<double>() <= 10);
  CHECK(result_of(f, "visits", {})["session"].is_null());
}

TEST_CASE("the showcase gives up what nobody wants, and keeps its worker") {
  auto x = example("showcase:Showcase");
  x.cancel_grace = 20s;
  pool_fixture f{x};
  auto out = f.call("primes", {{"below", 1'000'000'000}}, {.timeout = 200ms});
  CHECK(out.why == pool_errc::exec_timeout);
  CHECK(result_of(f, "add", {{"a", 1}, {"b", 2}}) == 3);
  CHECK(f.stats().workers.at(0).incarnation == 1);
}

TEST_CASE("a streaming adapter that is called for one answer gives a list") {
  pool_fixture f{example("streaming")};
  auto lines =
      result_of(f, "lines", {{"path", CHARMER_TEST_DATA "/../main.cpp"}});
  CHECK(lines.at(0)["number"] == 1);
  CHECK(lines.at(0)["text"].is_string());
  CHECK(result_of(f, "tokens", {{"prompt", "a b"}, {"most", 3}})
        == json::array({"a ", "b ", "a "}));
}

TEST_CASE("the async adapter waits for several servers at once") {
  std::array<greeter, 3> servers;
  pool_fixture f{example("async_fetch:Fetcher", 4)};
  json ports = json::array();
  for (auto& x : servers)
    ports.push_back(x.port);
  auto heads = result_of(f, "heads", payload::json(json{ports}.dump()));
  CHECK(heads.size() == 3);
  for (auto& line : heads)
    CHECK(line == "HTTP/1.0 200 OK");
}

TEST_CASE("the thread-safe adapter learns from many callers at once") {
  auto x = example("thread_safe:Dictionary", 8);
  pool_fixture f{x};
  for (int i = 0; i < 50; ++i)
    f.self->spawn<caf::monitored>([&, i](caf::event_based_actor* self) {
      auto word = "word" + std::to_string(i);
      charmer::call(self, f.pool, "learn", {{"word", word}, {"meaning", i}})
          .then([](const reply&) {}, [](caf::error& e) { FAIL(describe(e)); });
    });
  for (int i = 0; i < 50; ++i)
    f.self->receive([](const caf::down_msg&) {},
                    caf::after(limit) >> [] { FAIL("a caller still waits"); });
  CHECK(result_of(f, "usage")["learn"]["calls"] == 50);
  CHECK(result_of(f, "look_up", {{"word", "word7"}}) == 7);
  CHECK(result_of(f, "look_up", {{"word", "nothing"}}).is_null());
}

TEST_CASE("the numpy model learns and predicts, where there is numpy") {
  auto x = example("numpy_model:Model");
  auto found = examine(x);
  REQUIRE(found);
  if (found->missing_module == "numpy") {
    MESSAGE("skipped: the interpreter has no numpy (python3-numpy)");
    return;
  }
  pool_fixture f{x};
  auto learned = result_of(
      f, "fit",
      payload::json(R"({"x": [[1, 0], [0, 1], [1, 1]], "y": [2, 3, 5]})"));
  CHECK(learned["error"].get<double>() < 1e-6);
  auto y = result_of(f, "predict", payload::json(R"({"x": [[2, 2]]})"));
  CHECK(y.at(0).get<double>() == doctest::Approx(10));
}
