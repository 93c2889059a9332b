// Handlers of events: isolated, bounded, filtered, supervised.
#include "managed.hpp"

using namespace test;

TEST_CASE_FIXTURE(managed, "handlers are added, told, listed and deleted") {
  CHECK(add(recorder("a")).ok());
  CHECK(add(recorder("b")).ok());
  CHECK(names() == list{"a", "b"});
  notify("x");
  CHECK(take() == list{"a:x", "b:x"});
  CHECK(ask<nothing>(manager, delete_handler_atom_v, string{"a"}).ok());
  CHECK(is(ask<nothing>(manager, delete_handler_atom_v, string{"a"}).error(),
           supervision_errc::not_found));
  notify("y");
  CHECK(take() == list{"b:y"});
}

TEST_CASE_FIXTURE(managed, "a name is there once, and a handler must handle") {
  CHECK(add(recorder("a")).ok());
  CHECK(is(add(recorder("a")).error(), supervision_errc::already_present));
  auto neither = add({.name = "b"}).error();
  CHECK(is(neither, supervision_errc::invalid_spec));
  CHECK(describe_reason(neither).find("neither") != string::npos);
  auto both = recorder("b");
  both.receiver = manager;
  auto why = add(both).error();
  CHECK(is(why, supervision_errc::invalid_spec));
  CHECK(describe_reason(why).find("both") != string::npos);
  both.receiver = nullptr;
  both.filter.at_least = severity(int(severity::error) + 1);
  CHECK(is(add(both).error(), supervision_errc::invalid_spec));
  CHECK(names() == list{"a"});
}

TEST_CASE_FIXTURE(managed, "no function observes nothing, and that is said") {
  auto before = hub->which().size();
  auto name = hub->observe({});
  REQUIRE_FALSE(name);
  CHECK(is(name.error(), supervision_errc::invalid_spec));
  CHECK(hub->which().size() == before);
  name = hub->observe([](const event&) {});
  REQUIRE(name);
  CHECK(hub->remove(*name));
}

TEST_CASE_FIXTURE(world, "an event manager without a hub does not start") {
  auto spec = event_manager_child(nullptr);
  supervise({.name = "root", .children = {spec}});
  CHECK(is(end_reason, supervision_errc::start_failed));
  CHECK(describe_reason(end_reason).find("no hub") != string::npos);
  auto alone = system.spawn(event_manager, std::shared_ptr<event_hub>{});
  caf::error why;
  on_exit(alone, [&](const caf::error& x) { why = x; });
  run();
  CHECK(is(why, supervision_errc::invalid_spec));
}

TEST_CASE_FIXTURE(managed, "who has ended already is removed, with a report") {
  auto dead = system.spawn([] {});
  run();
  auto a = recorder("a");
  SUBCASE("as owner") {
    a.owner = dead;
  }
  SUBCASE("as receiver") {
    a.on_event = nullptr;
    a.receiver = dead;
  }
  CHECK(add(a).ok());
  CHECK(names().empty());
  CHECK(named(event_name::handler_removed).size() == 1);
}

TEST_CASE_FIXTURE(managed, "a failed add installs nothing") {
  auto a = recorder("a");
  SUBCASE("it answers an error") {
    a.on_add = [](const caf::message&) -> caf::error {
      return caf::sec::cannot_open_file;
    };
    CHECK(is(add(a).error(), caf::sec::cannot_open_file));
  }
  SUBCASE("it throws") {
    a.on_add = [](const caf::message&) -> caf::error {
      throw std::runtime_error("no disk");
    };
    CHECK(describe_reason(add(a).error()).find("no disk") != string::npos);
  }
  CHECK(names().empty());
}

TEST_CASE_FIXTURE(managed,
                  "a handler that throws is removed alone, with a report") {
  auto bad = recorder("bad");
  bad.on_event = [](const event& e) {
    if (e.name == "x")
      throw std::runtime_error("boom");
  };
  CHECK(add(recorder("a")).ok());
  CHECK(add(bad).ok());
  CHECK(add(recorder("c")).ok());
  notify("x");
  CHECK(names() == list{"a", "c"});
  auto told = take();
  CHECK(std::count(told.begin(), told.end(), "a:x") == 1);
  CHECK(std::count(told.begin(), told.end(), "c:x") == 1);
  auto reports = named(event_name::handler_removed);
  REQUIRE(reports.size() == 1);
  CHECK(reports.front().text.find("boom") != string::npos);
  CHECK(reports.front().details.at("handler") == "\"bad\"");
  CHECK(reports.front().level == severity::error);
}

TEST_CASE_FIXTURE(
    managed,
    "sync_notify answers after all have dealt with it, also if some failed") {
  auto bad = recorder("bad");
  bad.on_event = [](const event&) { throw 1; };
  CHECK(add(recorder("a")).ok());
  CHECK(add(bad).ok());
  auto done = ask<nothing>(manager, sync_notify_atom_v, named_event("x"));
  CHECK(done.ok());
  auto told = take();
  CHECK(std::count(told.begin(), told.end(), "a:x") == 1);
}

TEST_CASE_FIXTURE(managed,
                  "sync_notify waits for a slow actor, and others do not") {
  auto slow = system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    auto owed = std::make_shared<caf::response_promise>();
    return {
        [=](const event&) -> caf::result<void> {
          return *owed = self->make_response_promise();
        },
        [=](caf::ok_atom) { owed->deliver(caf::unit); },
    };
  });
  CHECK(add({.name = "slow", .filter = {.name = "x"}, .receiver = slow}).ok());
  CHECK(add(recorder("fast")).ok());
  auto done = ask<nothing>(manager, sync_notify_atom_v, named_event("x"));
  CHECK_FALSE(done.came());
  notify("y");
  CHECK(take() == list{"fast:x", "fast:y"});
  caf::anon_send(slow, caf::ok_atom::value);
  run();
  CHECK(done.ok());
  caf::anon_send_exit(slow, caf::exit_reason::kill);
}

TEST_CASE_FIXTURE(managed, "handlers answer calls") {
  auto a = recorder("a");
  int events = 0;
  a.on_event = [&](const event&) { ++events; };
  a.on_call = [&](const caf::message&) -> caf::expected<caf::message> {
    return caf::make_message(events);
  };
  CHECK(add(a).ok());
  CHECK(add(recorder("b")).ok());
  notify("x");
  auto question = caf::make_message(string{"how many"});
  CHECK(ask<int>(manager, call_handler_atom_v, string{"a"}, question).value()
        == 1);
  CHECK(
      is(ask<int>(manager, call_handler_atom_v, string{"b"}, question).error(),
         supervision_errc::unsupported));
  CHECK(
      is(ask<int>(manager, call_handler_atom_v, string{"c"}, question).error(),
         supervision_errc::not_found));
}

TEST_CASE_FIXTURE(
    managed,
    "a handler that throws in a call is removed, and the caller is told") {
  auto a = recorder("a");
  a.on_call = [](const caf::message&) -> caf::expected<caf::message> {
    throw std::runtime_error("boom");
  };
  CHECK(add(a).ok());
  auto question = caf::make_message(1);
  CHECK(
      is(ask<int>(manager, call_handler_atom_v, string{"a"}, question).error(),
         supervision_errc::handler_failed));
  CHECK(names().empty());
}

TEST_CASE_FIXTURE(
    managed, "swap hands over what the first one leaves, and loses no event") {
  auto a = recorder("a");
  a.on_remove = [](const caf::error& why) {
    return caf::make_message(string{"left: "} + describe_reason(why));
  };
  string inherited;
  auto b = recorder("b");
  b.filter.name = "y";
  b.on_add = [&](const caf::message& x) {
    inherited = x.get_as<string>(0);
    return caf::error{};
  };
  CHECK(add(a).ok());
  notify("x");
  CHECK(ask<nothing>(manager, swap_handler_atom_v, string{"a"}, b).ok());
  CHECK(names() == list{"b"});
  CHECK(inherited.find("left: replaced") == 0);
  notify("y");
  CHECK(take() == list{"a:x", "b:y"});
}

TEST_CASE_FIXTURE(managed, "a swap that fails leaves neither") {
  auto b = recorder("b");
  b.on_add = [](const caf::message&) -> caf::error {
    return caf::sec::cannot_open_file;
  };
  CHECK(add(recorder("a")).ok());
  CHECK(is(ask<nothing>(manager, swap_handler_atom_v, string{"a"}, b).error(),
           caf::sec::cannot_open_file));
  CHECK(names().empty());
}

TEST_CASE_FIXTURE(managed, "a handler whose host is killed is gone, its owner "
                           "is told and nobody waits for it") {
  string told;
  auto owner = system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](handler_removed_atom, const string& name, const caf::error&) {
      told = name;
    }};
  });
  auto a = recorder("a");
  a.owner = owner;
  CHECK(add(a).ok());
  caf::anon_send_exit(hub->host("a"), caf::exit_reason::kill);
  auto done = ask<nothing>(manager, sync_notify_atom_v, named_event("x"));
  CHECK(done.ok());
  CHECK(names().empty());
  CHECK(told == "a");
  CHECK(named(event_name::handler_removed).size() == 1);
  caf::anon_send_exit(owner, caf::exit_reason::kill);
}

TEST_CASE_FIXTURE(managed, "who waits for sync_notify is told when the manager "
                           "is killed") {
  auto never = system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    auto owed = std::make_shared<caf::response_promise>();
    return {[=](const event&) -> caf::result<void> {
      return *owed = self->make_response_promise();
    }};
  });
  CHECK(
      add({.name = "never", .filter = {.name = "x"}, .receiver = never}).ok());
  auto done = ask<nothing>(manager, sync_notify_atom_v, named_event("x"));
  CHECK_FALSE(done.came());
  caf::anon_send_exit(manager, caf::exit_reason::kill);
  run();
  CHECK(is(done.error(), supervision_errc::shutting_down));
  caf::anon_send_exit(never, caf::exit_reason::kill);
}

TEST_CASE_FIXTURE(managed, "handlers outlive the event manager") {
  CHECK(add(recorder("a")).ok());
  caf::anon_send_exit(manager, caf::exit_reason::kill);
  run();
  manager = system.spawn(event_manager, hub);
  CHECK(names() == list{"a"});
  notify("x");
  CHECK(take() == list{"a:x"});
}

TEST_CASE_FIXTURE(managed, "the event manager is a child like any other") {
  supervise({.name = "root", .children = {event_manager_child(hub)}});
  auto first = child("events").handle;
  caf::anon_send_exit(first, caf::exit_reason::kill);
  run();
  auto second = child("events").handle;
  CHECK(second != first);
  CHECK(ask<nothing>(second, sync_notify_atom_v, named_event("x")).ok());
}

TEST_CASE_FIXTURE(managed, "a filter chooses by name, path and level") {
  auto a = recorder("a");
  a.filter = {.name = "charmer.*.died",
              .path = "root/*",
              .at_least = severity::warning};
  CHECK(add(a).ok());
  auto tell = [&](string name, string path, severity level) {
    hub->notify({.name = name, .level = level, .path = path});
    run();
  };
  tell("charmer.worker.died", "root/pool", severity::error);
  tell("charmer.worker.died", "root/pool", severity::info);
  tell("charmer.worker.died", "other", severity::error);
  tell("charmer.worker.born", "root/pool", severity::error);
  CHECK(take() == list{"a:charmer.worker.died"});
}

TEST_CASE_FIXTURE(
    managed, "a slow handler loses events, counts them, and delays nobody") {
  auto slow = recorder("slow");
  slow.capacity = 3;
  CHECK(add(slow).ok());
  CHECK(add(recorder("other")).ok());
  for (int i = 0; i < 10; ++i)
    hub->notify(named_event("x"));
  run();
  auto all = hub->which();
  REQUIRE(all.size() == 3);
  CHECK(all[1].name == "other");
  CHECK(all[1].dropped == 0);
  CHECK(all[2].dropped == 8); // seven of these and the report about itself
  CHECK(named(event_name::handler_overflow).size() == 1);
  auto told = take();
  CHECK(std::count(told.begin(), told.end(), "slow:x") == 3);
  CHECK(std::count(told.begin(), told.end(), "other:x") == 10);
}

TEST_CASE_FIXTURE(managed, "what waits is delivered before a handler goes") {
  CHECK(add(recorder("a")).ok());
  hub->notify(named_event("x"));
  CHECK(hub->remove("a"));
  run();
  CHECK(take() == list{"a:x"});
}

TEST_CASE_FIXTURE(managed, "whoever replaces a handler that hangs gets what "
                           "comes, whatever becomes of that one") {
  auto hung = system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    auto owed = std::make_shared<caf::response_promise>();
    return {[=](const event&) -> caf::result<void> {
              return *owed = self->make_response_promise();
            },
            [=](caf::ok_atom) { owed->deliver(caf::sec::runtime_error); }};
  });
  event_filter numbered{.name = "n*"};
  CHECK(add({.name = "first", .filter = numbered, .receiver = hung}).ok());
  auto second = recorder("second");
  second.filter = numbered;
  notify("n1");
  CHECK(
      ask<nothing>(manager, swap_handler_atom_v, string{"first"}, second).ok());
  notify("n2");
  CHECK(take() == list{"second:n2"});
  caf::anon_send(hung, caf::ok_atom::value); // it answers too late
  run();
  notify("n3");
  CHECK(take() == list{"second:n3"});
  caf::anon_send_exit(hung, caf::exit_reason::kill);
  run();
  notify("n4");
  CHECK(take() == list{"second:n4"});
  CHECK(names() == list{"second"});
}

TEST_CASE_FIXTURE(world, "a hub that nobody shares takes no handlers") {
  event_hub alone{system};
  auto refused = alone.add({.name = "a", .on_event = [](const event&) {}});
  CHECK(is(refused, supervision_errc::invalid_spec));
  CHECK(alone.which().empty());
}
