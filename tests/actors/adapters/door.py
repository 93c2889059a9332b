"""A worker that waits at the door until its name is called."""

import sys
import time

import charmer


class Doorman(charmer.Adapter):
    def __init__(self, door: str) -> None:
        pool, worker = sys.argv[2], sys.argv[4]
        me = f"{pool}-{worker.rpartition('-')[2]}"
        while me not in open(door).read().split():
            time.sleep(0.01)

    def run(self) -> int:
        return 1
