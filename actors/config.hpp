// What charmer needs of an actor system.
//
//   void caf_main(caf::actor_system& sys, const charmer::config&) { … }
//   CAF_MAIN()
//
// An application with a config class of its own calls configure in it:
//
//   struct my_config : caf::actor_system_config {
//     my_config() { charmer::configure(*this); }
//   };
#pragma once

#include "charmer/supervision/caf.hpp"

namespace charmer {

/// Loads CAF's I/O module, in whose event loop the pipes are, registers
/// charmer's messages and errors, and sets defaults that an INI file
/// or the command line may change again:
/// - scheduler.policy = sharing, with a queue of our own (scheduler.hpp): wakes
///   a sleeping thread in 20 µs, where stealing polls and takes 60 to 80;
/// - scheduler.max-throughput = 200: without a limit two busy actors starve all
///   others.
/// Our type ids start far above caf::first_custom_type_id, which is the
/// application's.
void configure(caf::actor_system_config& cfg);

struct config : caf::actor_system_config {
  config() { configure(*this); }
};

} // namespace charmer
