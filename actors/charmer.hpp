// Everything an application needs to run pools of supervised workers. Each
// header can be included alone, too.
#pragma once

#include "charmer/actors/call.hpp"
#include "charmer/actors/cast.hpp"
#include "charmer/actors/collections.hpp"
#include "charmer/actors/config.hpp"
#include "charmer/actors/host_functions.hpp"
#include "charmer/actors/lease.hpp"
#include "charmer/actors/runtime.hpp"
#include "charmer/actors/strategies.hpp"
#include "charmer/actors/stream.hpp"
#include "charmer/actors/task.hpp"
#include "charmer/actors/typed_call.hpp"
#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/native_profile.hpp"
#include "charmer/profiles/settings.hpp"
#include "charmer/profiles/worker_profile.hpp"
#include "charmer/supervision/event.hpp"
#include "charmer/supervision/observe.hpp"
#include "charmer/supervision/supervision_tree.hpp"
#include "charmer/supervision/supervisor.hpp"
