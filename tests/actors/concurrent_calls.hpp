// Many calls of one command at the same time, each by an actor of its own.
#pragma once

#include "pool_fixture.hpp"

#include <mutex>
#include <string>
#include <vector>

namespace charmer_tests {

/// So many calls at once; what came of them.
inline std::vector<outcome> call_all(pool_fixture& f, int count,
                                     const std::string& command,
                                     arguments args = {},
                                     call_options options = {}) {
  std::mutex mutex;
  std::vector<outcome> result;
  for (int i = 0; i < count; ++i)
    f.self->spawn<caf::monitored>([&](caf::event_based_actor* self) {
      charmer::call(self, f.pool, command, args, options)
          .then(
              [&](const reply& x) {
                std::lock_guard guard{mutex};
                result.push_back({x, {}});
              },
              [&](caf::error& e) {
                std::lock_guard guard{mutex};
                result.push_back({{}, std::move(e)});
              });
    });
  for (int i = 0; i < count; ++i)
    f.self->receive([](const caf::down_msg&) {},
                    caf::after(limit) >> [] { FAIL("a caller still waits"); });
  return result;
}

} // namespace charmer_tests
