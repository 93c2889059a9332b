"""Adapters whose setup, teardown and health check are coroutines."""

import asyncio
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import charmer


class Loop(charmer.ThreadSafeAdapter):
    """All of them on the one loop."""

    def __init__(self, ready: bool = True, fails: str = "") -> None:
        self.loops = []
        self.ready = ready
        self.fails = fails

    async def setup(self) -> None:
        await asyncio.sleep(0.01)
        if self.fails:
            raise ValueError(self.fails)
        self.loops.append(asyncio.get_running_loop())
        self.left = asyncio.ensure_future(self.work())

    async def work(self) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            print("work ended")

    async def health_check(self) -> bool:
        await asyncio.sleep(0)
        self.loops.append(asyncio.get_running_loop())
        return self.ready

    async def teardown(self) -> None:
        await asyncio.sleep(0.01)
        self.loops.append(asyncio.get_running_loop())
        print("torn down,", self.count(), "loop,", self.left.done())

    def count(self) -> int:
        return len(set(map(id, self.loops)))

    @charmer.command
    async def visits(self) -> list:
        self.loops.append(asyncio.get_running_loop())
        return [len(self.loops), self.count()]

    @charmer.command
    async def asks(self) -> int:
        return await charmer.host.call_async("seven")


class Asking(charmer.ThreadSafeAdapter):
    """Asks the application before it is ready."""

    async def setup(self) -> None:
        self.told = await charmer.host.call_async("seven")

    @charmer.command
    def told_at_setup(self) -> int:
        return self.told


class AskingPlainly(charmer.ThreadSafeAdapter):
    def setup(self) -> None:
        self.told = charmer.host.call("seven")

    @charmer.command
    def told_at_setup(self) -> int:
        return self.told


class AsyncThread(charmer.ThreadSafeAdapter):
    async def setup_thread(self) -> None:
        self.local.x = threading.current_thread()

    def run(self) -> int:
        return 1


class Yields(charmer.Adapter):
    def setup(self):
        self.x = 1
        yield

    def run(self) -> int:
        return self.x


class Returns(charmer.Adapter):
    """A plain method that returns a coroutine."""

    def setup(self):
        async def work():
            self.x = 5

        return work()

    def teardown(self):
        return asyncio.sleep(0)

    def value(self) -> int:
        return self.x


class AskingInThreads(charmer.ThreadSafeAdapter):
    def setup_thread(self) -> None:
        self.local.told = charmer.host.call("seven")

    def teardown_thread(self) -> None:
        # One write: threads that print would cut into each other's lines.
        sys.stdout.write(f"thread done {self.local.told}\n")

    @charmer.command
    def told_at_setup(self) -> int:
        return self.local.told


class AskingWithThreads(charmer.Adapter):
    """Its setup has others ask, and waits for them."""

    thread_safe = True

    def __init__(self, loop: bool = False) -> None:
        self.loop = loop

    async def gathered(self) -> list:
        asked = (charmer.host.call_async("seven") for _ in range(3))
        return await asyncio.gather(*asked)

    def setup(self) -> None:
        if self.loop:
            self.told = asyncio.run(self.gathered())
            return
        with ThreadPoolExecutor(3) as crew:
            self.told = list(crew.map(charmer.host.call, ["seven"] * 3))

    @charmer.command
    def told_at_setup(self) -> list:
        return self.told


class AskingAtTheEnd(charmer.Adapter):
    thread_safe = True

    async def teardown(self) -> None:
        try:
            await charmer.host.call_async("nothing")
        except charmer.HostGone:
            print("nobody there")

    def run(self) -> int:
        return 1


class WaitsForAsker(charmer.Adapter):
    """Its thread asks the application all the time; its end waits for that."""

    thread_safe = True

    def setup(self) -> None:
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self) -> None:
        try:
            while True:
                charmer.host.call("next")
        except charmer.HostGone:
            print("nobody there", flush=True)

    def run(self) -> int:
        return 1

    def teardown(self) -> None:
        self.thread.join()
        print("torn down")


class WaitsForAskerAsync(WaitsForAsker):
    async def teardown(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.thread.join)
        print("torn down")


class ExitsAtTheEnd(charmer.ThreadSafeAdapter):
    """Leaves a thread that never ends."""

    def setup(self) -> None:
        threading.Thread(target=time.sleep, args=(600,)).start()

    def run(self) -> int:
        return 1

    def exits_on(self, number: int) -> None:
        signal.signal(number, lambda *_: sys.exit(4))

    def teardown_thread(self) -> None:
        sys.exit("no more")

    def teardown(self) -> None:
        print("torn down")


class SlowEnd(charmer.Adapter):
    """Its teardown lasts until a file is there."""

    thread_safe = True

    def __init__(self, gate: str) -> None:
        self.gate = gate

    def run(self) -> int:
        return 1

    def teardown(self) -> None:
        print("begun", flush=True)
        while not os.path.exists(self.gate):
            time.sleep(0.001)
        print("torn down")


class Locks(charmer.ThreadSafeAdapter):
    @charmer.command
    def lock(self) -> int:
        return 1

    @charmer.command
    def other(self) -> int:
        return 2
