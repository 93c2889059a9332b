// How handlers of events go: each way has its reason, which the owner,
// on_remove and everybody who listens hear; the others go on.
#include "managed.hpp"

using namespace test;

namespace {

/// An actor that takes each event and answers it when it is told to.
caf::behavior owing(caf::event_based_actor* self) {
  auto owed = std::make_shared<caf::response_promise>();
  return {
      [=](const event&) -> caf::result<void> {
        return *owed = self->make_response_promise();
      },
      [=](caf::ok_atom) { owed->deliver(caf::unit); },
  };
}

/// An owner that writes down what it is told about its handlers.
struct owned : managed {
  owned() {
    owner = system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {
          [this](handler_removed_atom, const string& name,
                 const caf::error& why) {
            told.push_back(name + ": " + describe_reason(why));
          },
      };
    });
  }

  ~owned() {
    caf::anon_send_exit(owner, caf::exit_reason::kill);
    for (auto& x : actors)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    owner = nullptr;
    actors.clear();
  }

  /// A handler of events named "x*" that belongs to the owner.
  handler_spec handler(string name) {
    auto x = recorder(std::move(name));
    x.filter.name = "x*";
    x.owner = owner;
    x.on_remove = [words = words](const caf::error& why) {
      words->push_back(describe_reason(why));
      return caf::message{};
    };
    return x;
  }

  template <class F>
  caf::actor spawn(F f) {
    actors.push_back(system.spawn(std::move(f)));
    return actors.back();
  }

  handler_spec handler(string name, caf::actor receiver) {
    auto x = handler(std::move(name));
    x.on_event = nullptr;
    x.receiver = std::move(receiver);
    return x;
  }

  /// All have heard this reason, and nothing else.
  void check_told(const string& why) {
    CHECK(told == list{"a: " + why});
    CHECK(last_words == list{why});
  }

  caf::actor owner;
  std::vector<caf::actor> actors;
  list told;
  /// Handlers that are there at the end are removed after this was destroyed.
  std::shared_ptr<list> words = std::make_shared<list>();
  list& last_words = *words;
};

} // namespace

TEST_CASE_FIXTURE(owned, "an actor that answers wrongly is removed alone, and "
                         "lives on") {
  caf::actor wrong;
  string why = "handler_failed: it answered wrongly (";
  SUBCASE("with a value") {
    wrong = spawn(
        []() -> caf::behavior { return {[](const event&) { return 42; }}; });
    why += "unexpected_response";
  }
  SUBCASE("with an error") {
    wrong = spawn([]() -> caf::behavior {
      return {[](const event&) -> caf::result<void> {
        return caf::sec::cannot_open_file;
      }};
    });
    why += "cannot_open_file";
  }
  SUBCASE("with the error that it does not understand events") {
    wrong = spawn([](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[](int) {}};
    });
    why += "unexpected_message";
  }
  CHECK(add(recorder("other")).ok());
  CHECK(add(handler("a", wrong)).ok());
  auto done = ask<nothing>(manager, sync_notify_atom_v, named_event("x"));
  CHECK(done.ok());
  CHECK(names() == list{"other"});
  CHECK_FALSE(has_ended(wrong));
  notify("x2");
  auto heard = take();
  CHECK(std::count(heard.begin(), heard.end(), "other:x") == 1);
  CHECK(std::count(heard.begin(), heard.end(), "other:x2") == 1);
  auto reports = named(event_name::handler_removed);
  REQUIRE(reports.size() == 1);
  CHECK(reports.front().level == severity::error);
  CHECK(reports.front().details.at("handler") == "\"a\"");
  CHECK(is(reports.front().reason, supervision_errc::handler_failed));
  REQUIRE(told.size() == 1);
  CHECK(told.front().find("a: " + why) == 0);
  CHECK(last_words.size() == 1);
}

TEST_CASE_FIXTURE(owned, "an owner is told each way in which its handler goes, "
                         "and why; so is on_remove") {
  auto receiver = spawn(owing);
  auto reports = [this] { return named(event_name::handler_removed); };
  SUBCASE("deleted: no reason, no report") {
    CHECK(add(handler("a")).ok());
    CHECK(ask<nothing>(manager, delete_handler_atom_v, string{"a"}).ok());
    check_told("normal");
    CHECK(reports().empty());
  }
  SUBCASE("removed for a reason") {
    CHECK(add(handler("a")).ok());
    CHECK(hub->remove("a", make_error(supervision_errc::unsupported, "old")));
    run();
    check_told("unsupported: old");
    REQUIRE(reports().size() == 1);
    CHECK(reports().front().level == severity::info);
  }
  SUBCASE("another comes in its place") {
    CHECK(add(handler("a")).ok());
    CHECK(ask<nothing>(manager, swap_handler_atom_v, string{"a"}, recorder("b"))
              .ok());
    check_told("replaced: by handler 'b'");
    REQUIRE(reports().size() == 1);
    CHECK(reports().front().level == severity::info);
    CHECK(names() == list{"b"});
  }
  SUBCASE("its actor ends") {
    CHECK(add(handler("a", receiver)).ok());
    caf::anon_send_exit(receiver, caf::exit_reason::kill);
    run();
    check_told("handler_failed: it has ended (kill)");
    REQUIRE(reports().size() == 1);
    CHECK(reports().front().level == severity::error);
  }
  SUBCASE("it throws") {
    auto a = handler("a");
    a.on_event = [](const event&) { throw std::runtime_error("boom"); };
    CHECK(add(a).ok());
    notify("x");
    check_told("handler_failed: boom");
    REQUIRE(reports().size() == 1);
    CHECK(reports().front().level == severity::error);
  }
  if (!told.empty())
    CHECK(named(event_name::handler_overflow).empty());
  notify("x");
  CHECK(told.size() == 1);
  CHECK(last_words.size() == 1);
}

TEST_CASE_FIXTURE(owned, "the end of its owner removes a handler, which hears "
                         "why, and a report tells of it") {
  CHECK(add(recorder("other")).ok());
  CHECK(add(handler("a")).ok());
  caf::anon_send_exit(owner, caf::exit_reason::kill);
  run();
  CHECK(names() == list{"other"});
  CHECK(last_words == list{"shutting_down: its owner has ended (kill)"});
  auto reports = named(event_name::handler_removed);
  REQUIRE(reports.size() == 1);
  CHECK(reports.front().details.at("handler") == "\"a\"");
  CHECK(reports.front().level == severity::info);
  notify("x");
  auto heard = take();
  CHECK(std::count(heard.begin(), heard.end(), "a:x") == 0);
  CHECK(std::count(heard.begin(), heard.end(), "other:x") == 1);
}

TEST_CASE_FIXTURE(owned,
                  "a removed actor gets a while to end what it began, no more, "
                  "and belongs to whoever made it") {
  auto slow = spawn(owing);
  CHECK(add(handler("a", slow)).ok());
  auto done = ask<nothing>(manager, sync_notify_atom_v, named_event("x"));
  CHECK_FALSE(done.came());
  auto host = hub->host("a");
  CHECK(hub->remove("a"));
  advance(event_hub::drain_limit - 1ms);
  CHECK_FALSE(has_ended(host));
  CHECK_FALSE(done.came());
  CHECK(told.empty());
  SUBCASE("it answers in time") {
    caf::anon_send(slow, caf::ok_atom::value);
    run();
  }
  SUBCASE("it never answers") {
    advance(1ms);
  }
  CHECK(has_ended(host));
  CHECK(done.ok());
  check_told("normal");
  CHECK_FALSE(has_ended(slow));
}

TEST_CASE_FIXTURE(owned, "what waits is delivered when the hub goes, and then "
                         "owners are told") {
  auto own = std::make_shared<event_hub>(system);
  CHECK_FALSE(own->add(handler("a")));
  for (int i = 0; i < 10; ++i)
    own->notify(named_event("x" + std::to_string(i)));
  own.reset();
  CHECK(got.empty());
  run();
  REQUIRE(got.size() == 10);
  CHECK(got.front() == "a:x0");
  CHECK(got.back() == "a:x9");
  check_told("shutting_down: the hub is gone");
}

TEST_CASE_FIXTURE(
    owned, "who adds a handler whose name is taken while it prepares itself "
           "gets an error, and what it prepared is undone") {
  auto a = handler("a");
  a.on_add = [this](const caf::message&) { return hub->add(recorder("a")); };
  a.on_remove = [this](const caf::error& why) {
    last_words.push_back(to_string(supervision_errc::already_present));
    CHECK(is(why, supervision_errc::already_present));
    return caf::message{};
  };
  CHECK(is(add(a).error(), supervision_errc::already_present));
  CHECK(last_words.size() == 1);
  CHECK(told.empty()); // it never was a handler
  notify("x");
  CHECK(take() == list{"a:x"});
}

// -- calls --------------------------------------------------------------------

TEST_CASE_FIXTURE(owned, "a call of a handler that is an actor is answered by "
                         "that, in whatever state its events are") {
  auto clever = spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    auto owed = std::make_shared<caf::response_promise>();
    return {
        [=](const event&) -> caf::result<void> {
          return *owed = self->make_response_promise();
        },
        [](const string& question) -> caf::result<int> {
          if (question == "how many")
            return 42;
          return caf::sec::invalid_argument;
        },
    };
  });
  CHECK(add(handler("a", clever)).ok());
  notify("x"); // it owes an answer
  auto call = [this](auto question) {
    return ask<int>(manager, call_handler_atom_v, string{"a"},
                    caf::make_message(std::move(question)));
  };
  CHECK(call(string{"how many"}).value() == 42);
  CHECK(is(call(string{"why"}).error(), caf::sec::invalid_argument));
  CHECK(is(call(3.14).error(), caf::sec::unexpected_message));
  CHECK(names() == list{"a"}); // errors are answers
  CHECK(told.empty());
}

TEST_CASE_FIXTURE(owned, "an error as the answer to a call removes nobody") {
  auto a = handler("a");
  a.on_call = [](const caf::message&) -> caf::expected<caf::message> {
    return make_error(supervision_errc::unsupported, "never heard of it");
  };
  CHECK(add(a).ok());
  auto why =
      ask<int>(manager, call_handler_atom_v, string{"a"}, caf::make_message(1))
          .error();
  CHECK(describe_reason(why) == "unsupported: never heard of it");
  CHECK(names() == list{"a"});
  notify("x");
  CHECK(take() == list{"a:x"});
  CHECK(told.empty());
}
