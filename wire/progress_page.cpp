#include "charmer/wire/progress_page.hpp"

#include "charmer/wire/operating_system.hpp"

#include <algorithm>
#include <atomic>

#include <sys/mman.h>

namespace charmer::wire {

namespace {

constexpr std::size_t header_words = 8;
constexpr std::size_t ring = progress_page::ring_size;

enum header : std::size_t { word_magic, word_threads, word_ring, word_cancels };
enum thread_block : std::size_t { word_begun, word_finished, word_running };

} // namespace

caf::expected<std::shared_ptr<progress_page>>
progress_page::make(operating_system& os, std::uint32_t threads,
                    unique_fd& fd) {
  auto words = (header_words + ring) * (1 + std::size_t{threads});
  auto bytes = words * sizeof(std::uint64_t);
  auto made = os.shared_memory("charmer-progress", bytes);
  if (!made)
    return std::move(made.error());
  auto at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                   made->get(), 0);
  if (at == MAP_FAILED)
    return system_error("cannot map the progress page");
  std::shared_ptr<progress_page> page{
      new progress_page(static_cast<std::uint64_t*>(at), bytes, threads)};
  page->store(word_threads, threads);
  page->store(word_ring, ring);
  page->store(word_magic, magic);
  fd = std::move(*made);
  return page;
}

progress_page::~progress_page() {
  ::munmap(words_, bytes_);
}

void progress_page::cancel(std::uint64_t id) {
  auto n = load(word_cancels);
  store(header_words + (n & (ring - 1)), id);
  store(word_cancels, n + 1);
}

bool progress_page::begun(std::uint64_t id) const {
  for (std::uint32_t t = 0; t < threads_; ++t) {
    auto base = block(t);
    auto n = std::min<std::uint64_t>(load(base + word_begun), ring);
    for (std::size_t i = 0; i < n; ++i)
      if (load(base + header_words + i) == id)
        return true;
  }
  return false;
}

std::uint64_t progress_page::running(std::uint32_t thread) const {
  return thread < threads_ ? load(block(thread) + word_running) : 0;
}

std::vector<std::uint64_t> progress_page::running() const {
  std::vector<std::uint64_t> result;
  for (std::uint32_t thread = 0; thread < threads_; ++thread)
    if (auto id = running(thread); id != 0)
      result.push_back(id);
  return result;
}

std::uint64_t progress_page::begun_count() const {
  std::uint64_t n = 0;
  for (std::uint32_t t = 0; t < threads_; ++t)
    n += load(block(t) + word_begun);
  return n;
}

std::uint64_t progress_page::finished_count() const {
  std::uint64_t n = 0;
  for (std::uint32_t t = 0; t < threads_; ++t)
    n += load(block(t) + word_finished);
  return n;
}

std::uint64_t progress_page::load(std::size_t word) const {
  return std::atomic_ref<std::uint64_t>{words_[word]}.load(
      std::memory_order_acquire);
}

void progress_page::store(std::size_t word, std::uint64_t x) {
  std::atomic_ref<std::uint64_t>{words_[word]}.store(x,
                                                     std::memory_order_release);
}

std::size_t progress_page::block(std::uint32_t thread) const {
  return (header_words + ring) * (1 + std::size_t{thread});
}

} // namespace charmer::wire
