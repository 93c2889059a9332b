// private: Starts a process: the real operating_system's `launch`.
#pragma once

#include "charmer/wire/operating_system.hpp"

namespace charmer::wire {

caf::expected<launched> launch_process(const command_line& what,
                                       const child_descriptors& fds);

} // namespace charmer::wire
