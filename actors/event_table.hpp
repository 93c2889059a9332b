// Every event of charmer's own: its name, when it is told, what it carries.
// The one table from which `charmer events` prints and against which a test
// holds everything that is really told.
//
// Measurements are what one adds up or averages, metadata what one selects by.
// Both stand in event::details under these names, or in the field of the event
// that has this name (restarts, attempt, delay, uptime). Every field is there
// where it applies. Events of adapters have the names their adapters give them,
// and carry `measurements` and `metadata` as JSON objects.
//
// Events of severity::trace are made only while somebody asks for them:
//
//   app->observe(f, {.name = "charmer.request.*",
//                    .at_least = charmer::severity::trace});
//
// Names and fields follow Snakepit's telemetry and OTP's supervisor reports.
//
// Threading: constant.
#pragma once

#include "charmer/supervision/event.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace charmer {

struct event_kind {
  std::string_view name;
  severity at_least; ///< of all that are told by this name
  std::string_view when;
  std::vector<std::string_view> measurements;
  std::vector<std::string_view> metadata;
};

/// Sorted by matter, not by name.
const std::vector<event_kind>& event_table();

/// The kind of that name, or null: an event of an adapter or an application.
const event_kind* find_event_kind(std::string_view name);

/// The table as text for people, in Markdown.
std::string event_table_text();

/// The same as a JSON array.
std::string event_table_json();

} // namespace charmer
