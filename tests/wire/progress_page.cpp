#include "charmer/wire/progress_page.hpp"

#include "charmer/wire/operating_system.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include <sys/mman.h>
#include <unistd.h>

using namespace charmer::wire;

namespace {

// The worker's side of the page, as the header describes it.
class worker_side {
public:
  explicit worker_side(const unique_fd& fd, std::size_t threads) {
    bytes_ = (8 + 512) * (1 + threads) * 8;
    auto at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED,
                     fd.get(), 0);
    REQUIRE(at != MAP_FAILED);
    words = static_cast<std::uint64_t*>(at);
  }

  ~worker_side() { ::munmap(words, bytes_); }

  std::uint64_t* thread(std::size_t t) { return words + (8 + 512) * (1 + t); }

  void begin(std::size_t t, std::uint64_t id) {
    auto block = thread(t);
    block[8 + (block[0] & 511)] = id;
    block[0] += 1;
    block[2] = id;
  }

  void finish(std::size_t t) {
    thread(t)[1] += 1;
    thread(t)[2] = 0;
  }

  std::uint64_t* words;

private:
  std::size_t bytes_;
};

struct page_fixture {
  page_fixture() {
    auto made = progress_page::make(operating_system::real(), 2, fd);
    REQUIRE(made);
    page = *made;
  }

  unique_fd fd;
  std::shared_ptr<progress_page> page;
};

} // namespace

TEST_SUITE_BEGIN("progress page");

TEST_CASE_FIXTURE(page_fixture, "a new page says what it is") {
  worker_side worker{fd, 2};
  CHECK_EQ(worker.words[0], 0x43484D5200000001);
  CHECK_EQ(worker.words[1], 2);
  CHECK_EQ(worker.words[2], 512);
  CHECK_EQ(worker.words[3], 0);
  CHECK_FALSE(page->begun(0));
}

TEST_CASE_FIXTURE(page_fixture, "what any thread has begun is seen") {
  worker_side worker{fd, 2};
  worker.begin(0, 11);
  worker.begin(1, 12);
  CHECK(page->begun(11));
  CHECK(page->begun(12));
  CHECK_FALSE(page->begun(13));
  CHECK_EQ(page->running(0), 11);
  CHECK_EQ(page->running(1), 12);
  CHECK_EQ(page->running(2), 0);
  CHECK(page->running() == std::vector<std::uint64_t>{11, 12});
  worker.finish(1);
  CHECK_EQ(page->running(1), 0);
  CHECK(page->begun(12));
  CHECK_EQ(page->begun_count(), 2);
  CHECK_EQ(page->finished_count(), 1);
}

TEST_CASE_FIXTURE(page_fixture, "the last 512 are known, also after a turn") {
  worker_side worker{fd, 2};
  for (std::uint64_t id = 1; id <= 2000; ++id) {
    worker.begin(0, id);
    worker.finish(0);
  }
  CHECK(page->begun(2000));
  CHECK(page->begun(2000 - 511));
  CHECK_FALSE(page->begun(2000 - 512));
  CHECK_FALSE(page->begun(2001));
}

TEST_CASE_FIXTURE(page_fixture, "an id that was written but not counted has "
                                "not begun") {
  worker_side worker{fd, 2};
  worker.thread(0)[8] = 5;
  CHECK_FALSE(page->begun(5));
}

TEST_CASE_FIXTURE(page_fixture, "cancelled ids are told in order") {
  worker_side worker{fd, 2};
  for (std::uint64_t id = 1; id <= 513; ++id)
    page->cancel(id);
  CHECK_EQ(worker.words[3], 513);
  CHECK_EQ(worker.words[8], 513);
  CHECK_EQ(worker.words[8 + 511], 512);
}

TEST_CASE_FIXTURE(page_fixture, "a worker can neither shrink nor grow it, and "
                                "its numbers do no harm") {
  CHECK_EQ(::ftruncate(fd.get(), 0), -1);
  CHECK_EQ(errno, EPERM);
  CHECK_EQ(::ftruncate(fd.get(), 1 << 20), -1);
  worker_side worker{fd, 2};
  for (std::size_t i = 0; i < (8 + 512) * 3; ++i)
    worker.words[i] = ~0ull;
  CHECK(page->begun(~0ull));
  CHECK_FALSE(page->begun(1));
  page->cancel(1);
}

TEST_SUITE_END();
