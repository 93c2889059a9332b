"""Python's logging, sent to the host.

Every record gets the attribute `charmer_correlation`: the id of the call in
which it was made, empty when there is none. Formatters of the user's can name
it: `logging.Formatter("%(charmer_correlation)s %(message)s")`.

Who configures logging anew, as `dictConfig` and `basicConfig(force=True)` do,
removes all handlers of the root logger. The one that is here comes back with
the next record; level, further handlers, and loggers that do not propagate are
as that configuration says.

Threading: any thread logs; the frames go out whole, one after the other.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any, Optional

from charmer import context
from charmer.channel import Sender
from charmer.texts import clean
from charmer.wire import frames_pb2 as wire

ATTRIBUTE = "charmer_correlation"  # of records; one that nobody else uses


class HostHandler(logging.Handler):
    """Turns log records into Log frames."""

    def __init__(self, sender: Sender, limit: int) -> None:
        super().__init__()
        self.sender = sender
        self.size = max(min(32768, limit // 16), 16)
        self.within = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Sends the record. One that is logged while another is being
        formatted, by an argument's `__str__` for example, is dropped."""
        if getattr(self.within, "emitting", False):
            return
        self.within.emitting = True
        try:
            frame = wire.Frame(
                log=wire.Log(
                    level=record.levelno,
                    logger=clean(record.name, self.size),
                    text=clean(self.format(record), self.size),
                    correlation=getattr(record, ATTRIBUTE, ""),
                    time=record.created,
                )
            )
            self.sender.send_frame(frame.SerializeToString())
        except Exception:
            self.handleError(record)
        finally:
            self.within.emitting = False


handler: Optional[HostHandler] = None
"""That of this worker; None in a forked child."""


def install(sender: Sender, level: str, limit: int) -> None:
    """Sends what is logged from this level on, warnings included.
    Raises ValueError if there is no such level."""
    global handler
    root = logging.getLogger()
    root.setLevel(level or "INFO")
    handler = HostHandler(sender, limit)
    root.addHandler(handler)
    logging.captureWarnings(True)
    make = logging.getLogRecordFactory()

    def correlated(*args: Any, **named: Any) -> logging.LogRecord:
        if handler is not None and handler not in root.handlers:
            root.addHandler(handler)
        record = make(*args, **named)
        setattr(record, ATTRIBUTE, context.correlation())
        return record

    logging.setLogRecordFactory(correlated)


def uninstall() -> None:
    """In a forked child, which must not speak to the host: to stderr."""
    global handler
    root = logging.getLogger()
    if handler is not None and handler in root.handlers:
        root.removeHandler(handler)
        root.addHandler(logging.StreamHandler(sys.stderr))
    handler = None
