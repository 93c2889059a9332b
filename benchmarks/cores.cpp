#include "cores.hpp"

#include <cerrno>
#include <system_error>

namespace bench {

namespace {

int next_core(const cpu_set_t& x, int from) {
  while (from < CPU_SETSIZE && !CPU_ISSET(from, &x))
    ++from;
  return from;
}

} // namespace

on_host_core::on_host_core() {
  if (::sched_getaffinity(0, sizeof before_, &before_) != 0)
    throw std::system_error{errno, std::generic_category(), "cores"};
  auto first = next_core(before_, 0);
  auto second = next_core(before_, first + 1);
  worker_core_ = second < CPU_SETSIZE ? second : first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  if (::sched_setaffinity(0, sizeof one, &one) != 0)
    throw std::system_error{errno, std::generic_category(), "cores"};
}

on_host_core::~on_host_core() {
  ::sched_setaffinity(0, sizeof before_, &before_);
}

} // namespace bench
