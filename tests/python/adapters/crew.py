"""Adapters of the thread profile."""

import os
import sys
import threading
import time

import charmer


def wait_for(path: str) -> None:
    end = time.monotonic() + 20
    while not os.path.exists(path):
        assert time.monotonic() < end
        time.sleep(0.001)


class Crew(charmer.ThreadSafeAdapter):
    def __init__(self, fail_in_thread: bool = False) -> None:
        self.fail_in_thread = fail_in_thread
        self.barrier = threading.Barrier(4)
        self.total = 0

    def setup(self) -> None:
        self.set_up_in = threading.current_thread().name
        self.news = threading.Condition(self.lock)
        self.brought = 0

    def setup_thread(self) -> None:
        if self.fail_in_thread and threading.current_thread().name[-1] == "3":
            raise RuntimeError("no pipeline for this thread")
        self.local.calls = 0

    def teardown(self) -> None:
        print("torn down")

    def teardown_thread(self) -> None:
        print("thread done")

    @charmer.command
    def nap(self, seconds: float) -> str:
        time.sleep(seconds)
        return threading.current_thread().name

    @charmer.command
    def waits_for_news(self) -> int:
        with self.news, self.lock:
            while not self.brought:
                assert self.news.wait(20)
            return self.brought

    @charmer.command
    def brings_news(self) -> None:
        with self.lock:
            self.brought += 1
            self.news.notify_all()

    @charmer.command
    def meet(self) -> int:
        """Returns when four of them run at once."""
        return self.barrier.wait(20)

    @charmer.command
    def wait(self, path: str) -> str:
        wait_for(path)
        return threading.current_thread().name

    @charmer.command
    def names(self) -> list:
        listed = []
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/comm") as comm:
                listed.append(comm.read().strip())
        return sorted(listed)

    @charmer.command
    def count_here(self) -> list:
        self.local.calls += 1
        return [threading.current_thread().name, self.local.calls]

    @charmer.command
    def add(self, x: int) -> int:
        with self.lock:
            with self.lock:  # it may be taken again
                total = self.total
                time.sleep(0.001)
                self.total = total + x
                return self.total

    @charmer.command
    def racy(self) -> int:
        time.sleep(0.05)
        return 1

    @charmer.command
    def fails(self) -> None:
        raise ValueError("no")

    @charmer.command
    def statistics_now(self) -> dict:
        return self.statistics()

    @charmer.command
    def until_cancelled(self) -> str:
        end = time.monotonic() + 20
        while not charmer.cancelled():
            assert time.monotonic() < end
            time.sleep(0.001)
        return "gave up"

    @charmer.command
    def session_count(self) -> int:
        session = charmer.session()
        with self.lock:
            session["n"] = session.get("n", 0) + 1
            return session["n"]

    @charmer.command
    def forks(self) -> int:
        child = os.fork()
        if child == 0:
            return 1
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @charmer.command
    def turns_gil_on(self) -> int:
        sys._is_gil_enabled = lambda: True
        return 1

    @charmer.command
    def imports(self, name: str) -> int:
        __import__(name)
        return 1

    @charmer.command
    def report(self) -> object:
        from charmer import safety

        return safety.get_report()


class Undeclared(charmer.Adapter):
    def run(self) -> int:
        return 1


class Declared(charmer.Adapter):
    thread_safe = True

    def run(self) -> int:
        return 1


class Sick(charmer.Adapter):
    def __init__(self, how: str) -> None:
        self.how = how

    def run(self) -> int:
        return 1

    def health_check(self) -> bool:
        if self.how == "raises":
            raise ConnectionError("the database is gone")
        return {"empty": [], "silent": None, "one": 1}.get(
            self.how, self.how == "well"
        )
