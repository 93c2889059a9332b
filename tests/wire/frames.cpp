#include "charmer/wire/frames.hpp"

#include "charmer/wire/frame_splitter.hpp"
#include "charmer/wire/outbox.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace charmer;
using namespace charmer::wire;

namespace {

Frame parsed(const byte_buffer& bytes) {
  Frame result;
  frame_splitter in{1 << 20};
  int frames = 0;
  in.feed({bytes.data(), bytes.size()}, [&](std::string_view x) {
    ++frames;
    return result.ParseFromArray(x.data(), static_cast<int>(x.size()));
  });
  CHECK_EQ(frames, 1);
  CHECK_EQ(in.pending(), 0);
  return result;
}

byte_buffer call_bytes(const call_parts& x) {
  byte_buffer result;
  append_call_head(result, x);
  auto& data = x.arguments.data;
  result.insert(result.end(), data.begin(), data.end());
  CHECK_EQ(result.size(), 4 + call_size(x));
  return result;
}

} // namespace

TEST_SUITE_BEGIN("frames");

TEST_CASE("an answer laid out by hand is what Protobuf reads") {
  for (auto& value :
       {payload::json(R"({"a": 5})"), payload::raw(std::string(300, '\xff')),
        payload::json(""), payload{payload::kind::message, "my.Type", "bytes"},
        payload{payload::kind::message, "", ""}})
    for (std::uint64_t number : {std::uint64_t{1}, std::uint64_t{1} << 62}) {
      byte_buffer bytes;
      append_reply_head(bytes, number, value);
      bytes.insert(bytes.end(), value.data.begin(), value.data.end());
      CHECK_EQ(bytes.size(), 4 + reply_size(number, value));
      auto frame = parsed(bytes);
      REQUIRE(frame.has_host_reply());
      CHECK_EQ(frame.host_reply().id(), number);
      CHECK_FALSE(frame.host_reply().has_exception());
      CHECK_EQ(take(*frame.mutable_host_reply()->mutable_value()), value);
    }
}

TEST_CASE("a call laid out by hand is what Protobuf reads") {
  for (auto& arguments :
       {payload::json(R"({"a": 5})"), payload::raw(std::string(300, '\xff')),
        payload::json(""), payload{payload::kind::message, "my.Type", "bytes"},
        payload{payload::kind::message, "", ""}})
    for (std::uint64_t id : {std::uint64_t{1}, std::uint64_t{300},
                             std::uint64_t{1} << 62, std::uint64_t{1000}})
      for (std::uint64_t timeout : {std::uint64_t{0}, std::uint64_t{1} << 40})
        for (auto correlation : {"", "abc-123"}) {
          std::string session(timeout != 0 ? 200 : 0, 's');
          auto credit = static_cast<std::uint32_t>(id % 1000);
          auto frame = parsed(call_bytes({id, "command", arguments, timeout,
                                          correlation, session, credit}));
          REQUIRE(frame.has_call());
          auto& call = *frame.mutable_call();
          CHECK_EQ(call.id(), id);
          CHECK_EQ(call.command(), "command");
          CHECK_EQ(call.timeout_ns(), timeout);
          CHECK_EQ(call.correlation(), correlation);
          CHECK_EQ(call.session(), session);
          CHECK_EQ(call.stream(), credit != 0);
          CHECK_EQ(call.credit(), credit);
          CHECK(take(*call.mutable_arguments()) == arguments);
        }
}

TEST_CASE("frames are appended, length first") {
  Frame frame;
  frame.mutable_cancel()->set_id(77);
  byte_buffer bytes;
  append_frame(bytes, frame);
  CHECK_EQ(parsed(bytes).cancel().id(), 77);
  auto before = bytes.size();
  append_frame(bytes, frame);
  CHECK_EQ(bytes.size(), 2 * before);
}

TEST_CASE("an outbox keeps the order and gives pieces of bounded size") {
  outbox out;
  std::string expected;
  auto add_small = [&](const std::string& x) {
    out.tail().insert(out.tail().end(), x.begin(), x.end());
    expected += x;
  };
  for (int i = 0; i < 5; ++i) {
    add_small("head " + std::to_string(i));
    auto body = std::make_shared<std::string>(300'000 + i, 'a' + i);
    out.append_body(*body, body);
    expected += *body;
    add_small("tail");
  }
  CHECK_EQ(out.size(), expected.size());
  std::string got;
  while (!out.empty()) {
    byte_buffer buffer;
    out.fill(buffer);
    CHECK_LE(buffer.size(), outbox::buffer_limit);
    got.append(buffer.data(), buffer.size());
  }
  CHECK(got == expected);
}

TEST_CASE("an outbox lets go of what has been taken") {
  outbox out;
  auto body = std::make_shared<std::string>(100'000, 'x');
  out.append_body(*body, body);
  CHECK_EQ(body.use_count(), 2);
  byte_buffer buffer;
  out.fill(buffer);
  CHECK_EQ(body.use_count(), 1);
}

TEST_SUITE_END();
