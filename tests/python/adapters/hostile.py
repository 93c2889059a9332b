"""Commands that do to their process what user code does."""

import ctypes
import gc
import logging
import logging.config
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

print("printed while imported")
log = logging.getLogger("hostile")


def prints(text: str) -> int:
    print(text)
    sys.stdout.write(text + "\n")
    os.write(1, f"raw {text}\n".encode())
    libc = ctypes.CDLL(None)
    libc.puts(f"C {text}".encode())
    libc.fflush(None)
    subprocess.run(["echo", "subprocess", text], check=True)
    return 1


def prints_odd() -> int:
    print("\udcff ä€")
    return 1


def reads_stdin() -> str:
    return sys.stdin.read() + os.read(0, 10).decode()


def closes() -> int:
    sys.stdout.close()
    for fd in range(64):
        try:
            os.close(fd)
        except OSError:
            pass
    return 1


def ends(status: int) -> None:
    os._exit(status)


def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def inherited() -> list:
    """What the descriptors of a child of this process are."""
    command = "for fd in /proc/self/fd/*; do readlink $fd; done"
    listed = subprocess.run(
        ["sh", "-c", command], stdout=subprocess.PIPE, close_fds=False
    )
    return listed.stdout.decode().split("\n")


def forks(how: str) -> int:
    child = os.fork()
    if child == 0:
        log.warning("said by the child")
        if how == "returns":
            return 7
        if how == "raises":
            raise ValueError("from the child")
        if how == "leaves":
            sys.exit(5)
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ended_young() -> int:
    """Forks a child that is ended by SIGTERM; returns its status."""
    child = os.fork()
    if child == 0:
        time.sleep(20)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def holder(path: str) -> int:
    """Leaves a child that lives on; returns its pid."""
    child = os.fork()
    if child == 0:
        while not os.path.exists(path):
            time.sleep(0.01)
        os._exit(0)
    return child


def square(x: int) -> int:
    return x * x


def pools(method: str) -> list:
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(square, range(5))


def logs(text: str, level: int = logging.INFO) -> int:
    log.log(level, "said %s", text)
    return 1


def configures_logging(how: str) -> int:
    """As libraries do that take the process for theirs."""
    if how == "basicConfig":
        logging.basicConfig(force=True, level=logging.INFO)
    else:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "root": {"level": "INFO", "handlers": []},
            }
        )
    return len(logging.getLogger().handlers)


def logs_exception() -> int:
    try:
        raise ValueError("inner")
    except ValueError:
        log.exception("caught")
    return 1


def logs_wrongly() -> int:
    log.info("%d", "no number")
    return 1


class Recursive:
    def __str__(self) -> str:
        log.error("from within")
        return "recursive"


def logs_recursively() -> int:
    log.info("%s", Recursive())
    return 1


def logs_a_lot(threads: int, lines: int) -> int:
    def run(number: int) -> None:
        for line in range(lines):
            log.info("%d %d %s", number, line, "x" * 500)

    running = [
        threading.Thread(target=run, args=(n,)) for n in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return threads * lines


class Finalized:
    def __init__(self) -> None:
        self.myself = self

    def __del__(self) -> None:
        log.info("finalized")


def logs_when_collected(count: int) -> int:
    for _ in range(count):
        Finalized()
    gc.collect()
    return count


def warns() -> int:
    warnings.warn("careful", stacklevel=2)
    return 1


def leaves_thread() -> int:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return 1


def waits(path: str) -> int:
    while not os.path.exists(path):
        time.sleep(0.001)
    return 1


def signals() -> bool:
    """Lives through Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)
    return True


def blocked_in_a_fork() -> str:
    """The signals that a forked child blocks."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(there, blocked("self").encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(here, 100).decode()


def blocked(process: str) -> str:
    with open(f"/proc/{process}/status") as status:
        return next(x.split()[1] for x in status if x.startswith("SigBlk"))


def interrupted(interpreter: str) -> int:
    """Starts a program and sends it Ctrl-C; returns its status."""
    code = "import time; print('here', flush=True); time.sleep(20)"
    with subprocess.Popen(
        [interpreter, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as program:
        program.stdout.readline()
        program.send_signal(signal.SIGINT)
        return program.wait(20)
