#include "charmer/wire/frame_splitter.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

using charmer::wire::frame_splitter;

namespace {

std::string framed(const std::string& body) {
  auto n = body.size();
  std::string head;
  for (int shift : {24, 16, 8, 0})
    head.push_back(static_cast<char>(n >> shift));
  return head + body;
}

struct collector {
  bool operator()(std::string_view x) {
    frames.emplace_back(x);
    return true;
  }

  std::vector<std::string> frames;
};

} // namespace

TEST_SUITE_BEGIN("frame splitter");

TEST_CASE("frames come out as they went in, however the bytes are cut") {
  std::mt19937 random{7};
  std::vector<std::string> sent;
  std::string stream;
  for (int i = 0; i < 200; ++i) {
    sent.emplace_back(random() % 3 == 0 ? random() % 5000 : random() % 9,
                      static_cast<char>(i));
    stream += framed(sent.back());
  }
  for (std::size_t step : {1, 2, 3, 5, 4096, 1 << 20}) {
    CAPTURE(step);
    frame_splitter in{5000};
    collector out;
    for (std::size_t at = 0; at < stream.size(); at += step)
      REQUIRE(in.feed(std::string_view{stream}.substr(at, step), out));
    CHECK_EQ(out.frames, sent);
    CHECK_EQ(in.pending(), 0);
  }
}

TEST_CASE("a length above the limit is refused before it is collected") {
  frame_splitter in{1000};
  collector out;
  CHECK(in.feed(framed(std::string(1000, 'x')), out));
  CHECK_EQ(out.frames.size(), 1);
  CHECK_FALSE(in.feed(framed(std::string(1001, 'x')), out));
  CHECK_EQ(in.refused_length(), 1001);
  CHECK_EQ(out.frames.size(), 1);
  // Nothing that comes later is understood.
  CHECK_FALSE(in.feed(framed("good"), out));
  CHECK_EQ(out.frames.size(), 1);
}

TEST_CASE("four gigabytes announced byte by byte are refused") {
  frame_splitter in{64 << 20};
  collector out;
  for (int i = 0; i < 3; ++i)
    CHECK(in.feed("\xff", out));
  CHECK_FALSE(in.feed("\xff", out));
  CHECK_EQ(in.refused_length(), 0xFFFFFFFF);
}

TEST_CASE("who gets the frames can stop them") {
  frame_splitter in{1000};
  int seen = 0;
  auto first_only = [&](std::string_view) { return ++seen < 1; };
  CHECK_FALSE(in.feed(framed("a") + framed("b"), first_only));
  CHECK_EQ(seen, 1);
  CHECK_EQ(in.refused_length(), 0);
}

TEST_CASE("any bytes at all do no harm") {
  std::mt19937 random{42};
  for (int round = 0; round < 2000; ++round) {
    frame_splitter in{random() % 300};
    collector out;
    for (int i = 0; i < 20; ++i) {
      std::string bytes(random() % 40, '\0');
      for (auto& x : bytes)
        x = static_cast<char>(random() % 4 == 0 ? random() : 0);
      in.feed(bytes, out);
      CHECK_LE(in.pending(), 304);
    }
  }
}

TEST_CASE("a large frame in small pieces costs its size, not its square") {
  constexpr std::size_t size = 64 << 20;
  auto head = framed("").substr(0, 0);
  for (int shift : {24, 16, 8, 0})
    head.push_back(static_cast<char>(size >> shift));
  frame_splitter in{size};
  std::size_t got = 0;
  auto take = [&](std::string_view x) {
    got = x.size();
    return true;
  };
  std::string piece(65536, 'x');
  auto before = std::chrono::steady_clock::now();
  in.feed(head, take);
  while (in.missing() > 0)
    in.feed(std::string_view{piece}.substr(0, in.missing()), take);
  CHECK_EQ(got, size);
  CHECK_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST_SUITE_END();
