// Messages of Protobuf and bytes, both ways.
#include "pool_fixture.hpp"

#include <google/protobuf/wrappers.pb.h>

using namespace charmer_tests;

namespace {

using google::protobuf::Int64Value;
using google::protobuf::StringValue;

template <class Reply, class Request>
caf::expected<Reply> ask(pool_fixture& f, const std::string& command,
                         const Request& request) {
  caf::expected<Reply> result{caf::sec::none};
  charmer::call<Reply>(f.self, f.pool, command, request)
      .receive([&](const Reply& x) { result = x; },
               [&](caf::error& e) { result = std::move(e); });
  return result;
}

StringValue text(const std::string& x) {
  StringValue result;
  result.set_value(x);
  return result;
}

} // namespace

TEST_CASE("a message goes to Python and back") {
  pool_fixture f{shop(1)};
  auto got = ask<StringValue>(f, "echo", text("typed"));
  REQUIRE(got);
  CHECK(got->value() == "typed");
  auto large = text(std::string(3 << 20, 'x'));
  got = ask<StringValue>(f, "echo", large);
  REQUIRE(got);
  CHECK(got->value() == large.value());
}

TEST_CASE("an answer of another type is an error that names both") {
  pool_fixture f{shop(1)};
  auto got = ask<Int64Value>(f, "echo", text("typed"));
  REQUIRE(!got);
  CHECK(got.error() == pool_errc::bad_payload);
  auto said = failure_of(got.error()).text;
  CHECK(said.find("google.protobuf.Int64Value") != std::string::npos);
  CHECK(said.find("google.protobuf.StringValue") != std::string::npos);
  auto none = ask<StringValue>(f, "fail", text("why"));
  CHECK(none.error() == pool_errc::python_exception);
}

TEST_CASE("typed calls of event-based actors") {
  pool_fixture f{shop(1)};
  std::string got;
  f.self->spawn<caf::monitored>([&](caf::event_based_actor* self) {
    charmer::call<StringValue>(self, f.pool, "echo", text("typed"))
        .then([&](const StringValue& x) { got = x.value(); },
              [](const caf::error&) {});
  });
  f.self->receive([](const caf::down_msg&) {},
                  caf::after(limit) >> [] { FAIL("still waiting"); });
  CHECK(got == "typed");
}

TEST_CASE("bytes go both ways as they are") {
  pool_fixture f{shop(1)};
  std::string bytes;
  for (int i = 0; i < 1 << 20; ++i)
    bytes += static_cast<char>(i * 7);
  auto out = f.call("echo", payload::raw(bytes));
  REQUIRE_MESSAGE(!out.why, describe(out.why));
  CHECK(out.value.value == payload::raw(bytes));
  CHECK(f.call("echo", payload::raw("")).value.value == payload::raw(""));
}
