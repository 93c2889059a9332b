"""A process that has imported what a worker has, and only echoes: how soon the
kernel ends one of that size is the floor of row 10.

    bare_worker.py FOLDER

FOLDER is the one that the host runs as its worker.
"""

import sys
from os import read, write

sys.path.insert(0, sys.argv[1])
from charmer import worker  # noqa: E402, F401

while True:
    data = read(0, 65536)
    if not data:
        break
    write(1, data)
