// One call to a Python worker whose outcome is looked at later: what came of
// it, and when.
//
// Threading: the future may be waited for in any thread.
//
//   auto answer = call_once(stack, "process");
//   answer.get().text();
#pragma once

#include "charmer_stack.hpp"
#include "stopwatch.hpp"

#include <future>
#include <string>

namespace bench {

struct outcome {
  stopwatch::clock::time_point when;
  caf::error error; ///< none if it was answered
  std::string text; ///< the answer, JSON
};

std::future<outcome> call_once(charmer_stack& stack, std::string command,
                               charmer::arguments arguments = {},
                               charmer::call_options options = {});

/// The answer; throws if there is none.
std::string answer_of(std::future<outcome> x);

} // namespace bench
