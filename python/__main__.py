"""A worker of a charmer pool: `python <this folder> --pool NAME --worker ID`.

Started by the host, never by hand: stdin and stdout carry frames (see
charmer/wire/frames.proto), descriptor 3 is the progress page. The arguments
only tell a reader of `ps` which worker this is.

The descriptors are taken before anything else is imported; what prints from
then on, prints to stderr.
"""

import os
import sys

if os.isatty(0) or os.isatty(1):
    sys.exit("charmer: this folder is run by charmer's host, not by hand")

from charmer import descriptors  # noqa: E402

taken = descriptors.take()

try:
    from google.protobuf.internal import builder  # noqa: F401
except ImportError as error:
    sys.exit(
        f"charmer: {sys.executable} has no protobuf 3.20 or later ({error}); "
        "install python3-protobuf (Debian, Ubuntu) or `pip install protobuf`"
    )

from charmer import worker  # noqa: E402

worker.main(taken)
