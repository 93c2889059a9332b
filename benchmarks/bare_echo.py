"""The least that a Python process can do on two pipes: the floor of row 1.

    bare_echo.py [CORE]
"""

import sys
from os import read, sched_setaffinity, write

if len(sys.argv) > 1:
    sched_setaffinity(0, [int(sys.argv[1])])
while True:
    data = read(0, 65536)
    if not data:
        break
    write(1, data)
