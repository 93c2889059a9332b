// Memory that a worker shares with its host: what it has begun, what it has
// finished, what it runs now, and which requests are cancelled.
//
// The worker writes an id as it begins it; that costs a store, needs no system
// call, and is still right after kill -9. So the host can tell, after a death,
// which requests had begun and which can be given to another worker.
//
// A memfd of 64-bit words in host byte order, the worker's descriptor 3:
//
//   word 0       magic 0x43484D5200000001 ("CHMR", layout 1)
//   word 1       T, the number of threads
//   word 2       R, the size of each ring: a power of two (512)
//   word 3       cancel_count, written by the host
//   words 4–7    reserved, 0
//   words 8 …    ring of R cancelled ids: the host stores the n-th (from 0) at
//                8 + (n & (R-1)), then n+1 into cancel_count
//   then for each thread t a block of 8 + R words:
//     word 0     begun_count
//     word 1     finished_count
//     word 2     the id running now, 0 if none
//     words 3–7  reserved, 0
//     words 8 …  ring of R begun ids
//
// To run a command a worker's thread stores its id into the ring at
// 8 + (begun_count & (R-1)), then begun_count + 1, then the id into word 2;
// runs the command; stores finished_count + 1, then 0 into word 2.
//
// The worker is not trusted: the memfd is sealed, so that it cannot be made
// smaller under the host, and every index is bounded here.
//
// Threading: one host thread cancels; everything else from any thread.
#pragma once

#include "charmer/supervision/caf.hpp"
#include "charmer/wire/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace charmer::wire {

class operating_system;

class progress_page {
public:
  static constexpr std::uint64_t magic = 0x43484D5200000001;
  static constexpr std::uint64_t ring_size = 512;

  /// Makes the page of a worker with `threads` threads. The descriptor is for
  /// the child; the page lives on without it.
  static caf::expected<std::shared_ptr<progress_page>>
  make(operating_system& os, std::uint32_t threads, unique_fd& fd);

  ~progress_page();

  progress_page(const progress_page&) = delete;
  progress_page& operator=(const progress_page&) = delete;

  /// Tells the worker that a request is no longer wanted.
  void cancel(std::uint64_t id);

  /// Whether the worker wrote that it began this request. REQUIRES: it is one
  /// of the last `ring_size` that the worker got.
  bool begun(std::uint64_t id) const;

  /// What a thread runs now, 0 if nothing.
  std::uint64_t running(std::uint32_t thread) const;

  /// What all threads run now.
  std::vector<std::uint64_t> running() const;

  /// How many requests all threads together have begun and finished.
  std::uint64_t begun_count() const;
  std::uint64_t finished_count() const;

private:
  progress_page(std::uint64_t* words, std::size_t bytes, std::uint32_t threads)
      : words_(words), bytes_(bytes), threads_(threads) {}

  std::uint64_t load(std::size_t word) const;
  void store(std::size_t word, std::uint64_t x);
  std::size_t block(std::uint32_t thread) const;

  std::uint64_t* words_;
  std::size_t bytes_;
  std::uint32_t threads_;
};

} // namespace charmer::wire
