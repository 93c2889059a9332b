// The traceback of a worker that hangs, told apart from what else it writes.
#include "charmer/profiles/stack_dump.hpp"

#include <doctest/doctest.h>

using namespace charmer;
using namespace std::chrono_literals;

namespace {

// An error that is on its way, and what became of it.
struct traveller {
  std::shared_ptr<caf::error> arrived = std::make_shared<caf::error>();

  late_error_ptr set_out() {
    return std::make_shared<late_error>(
        [to = arrived](caf::error e) { *to = std::move(e); },
        pool_errc::exec_timeout, failure{.text = "too long"});
  }
};

const time_point start{1000s};

} // namespace

TEST_CASE("an error that waits is sent by whoever lets go of it") {
  traveller x;
  auto late = x.set_out();
  CHECK(!*x.arrived);
  late->add_traceback("somewhere");
  late = nullptr;
  CHECK(*x.arrived == pool_errc::exec_timeout);
  CHECK(failure_of(*x.arrived).traceback == "somewhere");
}

TEST_CASE("a dump is what has the form of one, up to its last line") {
  stack_dump dump;
  traveller x;
  CHECK(!dump.take("Thread 0x1 (most recent call first):"));
  CHECK(dump.wanted_by(x.set_out(), start));
  CHECK(!dump.take("  File \"not yet.py\""));
  CHECK(dump.take("Thread 0x1 (most recent call first):"));
  CHECK(dump.take("  File \"a.py\", line 1 in f"));
  CHECK(!dump.take("a line of somebody else's"));
  CHECK(dump.take("Current thread 0x2 (most recent call first):"));
  CHECK(dump.take("  <no Python frame>"));
  CHECK(dump.take("Coroutine of call 7 (most recent call first):"));
  CHECK(dump.take("  File \"b.py\", line 2 in g"));
  CHECK(!dump.complete(start + 1ms));
  CHECK(dump.take("End of all tracebacks"));
  CHECK(dump.complete(start + 1ms));
  dump.close();
  CHECK(failure_of(*x.arrived).traceback
        == "Thread 0x1 (most recent call first):\n"
           "  File \"a.py\", line 1 in f\n"
           "Current thread 0x2 (most recent call first):\n"
           "  <no Python frame>\n"
           "Coroutine of call 7 (most recent call first):\n"
           "  File \"b.py\", line 2 in g\n");
  CHECK(dump.text() == failure_of(*x.arrived).traceback);
  CHECK(!dump.take("End of all tracebacks"));
}

TEST_CASE("the next dump waits for a last line of its own") {
  stack_dump dump;
  traveller x;
  dump.wanted_by(x.set_out(), start);
  dump.take("End of all tracebacks");
  dump.close();
  dump.wanted_by(x.set_out(), start);
  CHECK(!dump.complete(start + 1ms));
}

TEST_CASE("one dump is for all who wait, and none waits for long") {
  stack_dump dump;
  traveller a;
  traveller b;
  CHECK(dump.wanted_by(a.set_out(), start));
  CHECK(!dump.wanted_by(b.set_out(), start + 5ms));
  CHECK(!dump.complete(start + 99ms));
  CHECK(dump.complete(start + 100ms));
  dump.close();
  for (auto* x : {&a, &b}) {
    CHECK(*x->arrived == pool_errc::exec_timeout);
    CHECK(failure_of(*x->arrived).traceback.empty());
  }
  CHECK(!dump.open());
}

TEST_CASE("in a worker with threads it may take longer") {
  stack_dump dump{stack_dump::thread_limit};
  traveller x;
  dump.wanted_by(x.set_out(), start);
  CHECK(!dump.complete(start + 249ms));
  CHECK(dump.complete(start + 250ms));
  CHECK(dump.take("Thread 0x1 (most recent call first):"));
  CHECK(dump.complete(start + 250ms));
  CHECK(dump.take("Thread 0x1 runs call 7, command f"));
  CHECK(dump.take("End of all tracebacks"));
  CHECK(dump.complete(start + 30ms));
}

TEST_CASE("a dump that comes too late is one nevertheless") {
  stack_dump dump;
  dump.wanted_by(nullptr, start);
  dump.close();
  CHECK(dump.take("Thread 0x1 (most recent call first):"));
  CHECK(!dump.take("a line of somebody else's"));
  CHECK(dump.take("  File \"a.py\", line 1 in f"));
  CHECK(dump.take("End of all tracebacks"));
  CHECK(!dump.take("Thread 0x1 (most recent call first):"));
  CHECK(dump.text()
        == "Thread 0x1 (most recent call first):\n"
           "  File \"a.py\", line 1 in f\n");
}

TEST_CASE("the traceback of an exception, and the stacks of a crash, are no "
          "part of it") {
  stack_dump dump;
  dump.wanted_by(nullptr, start);
  CHECK(dump.take("Thread 0x1 (most recent call first):"));
  CHECK(!dump.take("Traceback (most recent call last):"));
  CHECK(!dump.take("  File \"a.py\", line 1, in f"));
  CHECK(dump.take("  File \"a, line 1.py\", line 22 in f"));
  CHECK(!dump.take("Fatal Python error: Segmentation fault"));
  CHECK(!dump.take("Current thread 0x1 (most recent call first):"));
  CHECK(!dump.take("  File \"a.py\", line 1 in f"));
}

TEST_CASE("the error says so if the worker has not said where it is") {
  stack_dump dump;
  traveller silent;
  traveller idle;
  dump.wanted_by(silent.set_out(), start);
  dump.close();
  CHECK(failure_of(*silent.arrived).text
        == "too long; its worker did not say where it is, perhaps because a "
           "function in C keeps Python's GIL");
  dump.wanted_by(idle.set_out(), start);
  dump.take("End of all tracebacks");
  dump.close();
  CHECK(failure_of(*idle.arrived).text == "too long");
}

TEST_CASE("who does not answer can be asked once more, for a moment") {
  stack_dump dump;
  traveller x;
  CHECK(!dump.unanswered()); // nothing was asked
  dump.wanted_by(x.set_out(), start);
  CHECK(dump.unanswered());
  dump.asked_again(start + 100ms);
  CHECK(!dump.unanswered());
  CHECK(!dump.complete(start + 119ms));
  CHECK(dump.take("Stack (most recent call first):"));
  CHECK(dump.take("  File \"a.py\", line 1 in f"));
  CHECK(dump.complete(start + 120ms));
  dump.close();
  CHECK(failure_of(*x.arrived).traceback
        == "Stack (most recent call first):\n"
           "  File \"a.py\", line 1 in f\n");
}

TEST_CASE(
    "what a command had written of a line just then takes no stack along") {
  stack_dump dump;
  traveller x;
  dump.wanted_by(x.set_out(), start);
  CHECK(!dump.take("50 %Thread 0x1 (most recent call first):"));
  CHECK(dump.unanswered());
  dump.asked_again(start + 100ms);
  CHECK(!dump.take("50 % of Stack"));
  // It is somebody's line as well.
  CHECK(!dump.take("51 %Stack (most recent call first):"));
  CHECK(dump.take("  File \"a.py\", line 1 in f"));
  CHECK(!dump.take("Traceback (most recent call last):"));
  CHECK(!dump.take("52 %Current thread 0x2 (most recent call first):"));
  CHECK(dump.take("  File \"b.py\", line 2 in g"));
  dump.close();
  CHECK(failure_of(*x.arrived).traceback
        == "Stack (most recent call first):\n"
           "  File \"a.py\", line 1 in f\n"
           "Current thread 0x2 (most recent call first):\n"
           "  File \"b.py\", line 2 in g\n");
}

TEST_CASE("who has said anything, or that there is nothing, has answered") {
  stack_dump dump;
  dump.wanted_by(nullptr, start);
  dump.take("Thread 0x1 (most recent call first):");
  CHECK(!dump.unanswered());
  dump.close();
  CHECK(!dump.unanswered());
  dump.wanted_by(nullptr, start + 1s);
  dump.take("End of all tracebacks");
  CHECK(!dump.unanswered());
}

TEST_CASE("a dump may be wanted for its text alone") {
  stack_dump dump;
  CHECK(dump.wanted_by(nullptr, start));
  dump.take("Thread 0x1 (most recent call first):");
  dump.close();
  CHECK(dump.text() == "Thread 0x1 (most recent call first):\n");
}
