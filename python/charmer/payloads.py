"""Python values from payloads, and payloads from Python values.

JSON numbers keep their kind: 1 is an int, 1.0 a float, true a bool. What is no
JSON is refused with its place, never silently replaced: NaN and infinities,
keys that are no str, lone surrogates. (One liberty is taken, as everywhere:
a tuple becomes an array.) An int may have as many digits as Python converts:
4300 by default since 3.11, any number after `sys.set_int_max_str_digits(0)` in the
adapter's module; one that has more is refused with its place, too.

Threading: `Encoder` belongs to one thread, the rest to any.
"""

from __future__ import annotations

import json
import json.encoder
import sys
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple, Type

from google.protobuf import descriptor_pool, message_factory, symbol_database
from google.protobuf.message import DecodeError, Message

from charmer.texts import type_name
from charmer.wire import frames_pb2 as wire


class BadArguments(Exception):
    """The arguments are no JSON, or of a message that nobody knows."""


class BadResult(Exception):
    """The result cannot be encoded; the text names type and place."""


class TooLarge(Exception):
    """The result is above max_frame_bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the result takes {size} bytes, above the limit of {limit} "
            "(max_frame_bytes)"
        )


Arguments = Tuple[Sequence[Any], Mapping[str, Any]]
"""What a function is called with: by position and by name."""

NO_NAMES: Dict[str, Any] = {}


# -- decoding ------------------------------------------------------------------


def refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


decoder: Any = json.JSONDecoder(parse_constant=refuse_constant)
scan = decoder.scan_once  # json.loads without its regular expressions: 4 ×


def parse_json(data: bytes) -> Any:
    """Any JSON text. Raises ValueError or RecursionError."""
    text = str(data, "utf-8")
    try:
        value, end = scan(text, 0)
    except StopIteration:  # begins with white space, or is no JSON
        return decoder.decode(text)
    return value if end == len(text) else decoder.decode(text)


def decode(payload: wire.Payload) -> Arguments:
    """What a command is called with: an object by name, an array by position,
    anything else as the one argument, and nothing as none."""
    data = payload.json
    if data:
        try:
            value = parse_json(data)
        except (ValueError, RecursionError) as error:
            raise bad_arguments(data, "arguments", error) from None
        kind = type(value)
        if kind is dict:
            return (), value
        return value if kind is list else (value,), NO_NAMES
    which = payload.WhichOneof("kind")
    if which == "raw":
        return (payload.raw,), NO_NAMES
    if which == "message":
        return (decode_message(payload.message),), NO_NAMES
    return (), NO_NAMES


def decode_value(payload: wire.Payload) -> Any:
    """One value: of JSON, bytes, or a message; None if there is nothing.
    Raises BadArguments."""
    which = payload.WhichOneof("kind")
    if which == "json" and payload.json:
        try:
            return parse_json(payload.json)
        except (ValueError, RecursionError) as error:
            raise bad_arguments(payload.json, "value", error) from None
    if which == "raw":
        return payload.raw
    return decode_message(payload.message) if which == "message" else None


def bad_arguments(data: bytes, what: str, error: Exception) -> BadArguments:
    """Why they cannot be read."""
    try:
        find_long(marking_decoder.decode(str(data, "utf-8")), what)
    except Misplaced as found:
        return BadArguments(str(found))
    except (ValueError, RecursionError):
        pass  # they are no JSON at all
    verb = "is" if what == "value" else "are"
    return BadArguments(f"the {what} {verb} no JSON: {error}")


class TooLong:
    """Stands for an int that Python does not convert."""

    def __init__(self, text: str) -> None:
        self.digits = len(text.lstrip("-"))


def int_or_mark(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return TooLong(text)


marking_decoder = json.JSONDecoder(
    parse_int=int_or_mark, parse_constant=refuse_constant
)


def find_long(value: Any, place: str) -> None:
    """Raises Misplaced at the first int that is too long."""
    if isinstance(value, TooLong):
        raise Misplaced(
            f"{place} is an int of {value.digits} digits, {too_long('send')}"
        )
    if isinstance(value, dict):
        for key, part in value.items():
            find_long(part, f"{place}[{short(key)}]")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            find_long(part, f"{place}[{index}]")


def too_long(verb: str) -> str:
    """What to do about such an int."""
    limit = getattr(sys, "get_int_max_str_digits", lambda: 0)()
    return (
        f"above the {limit} that this Python converts: {verb} it as hex(…) in a "
        "str, or as bytes, or raise the limit in the adapter's module with "
        "sys.set_int_max_str_digits(0)"
    )


classes: Dict[str, Type[Message]] = {}


def decode_message(typed: wire.TypedMessage) -> Message:
    """A message of a class that the adapter has imported."""
    name = typed.type
    if name not in classes:
        try:
            classes[name] = message_class(name)
        except KeyError:
            raise BadArguments(
                f"no message type {name!r} is known here: import its _pb2 "
                "module in the adapter"
            ) from None
    try:
        return classes[name].FromString(typed.value)
    except DecodeError as error:
        raise BadArguments(f"the bytes are no {name}: {error}") from None


def message_class(name: str) -> Type[Message]:
    """The generated class. Raises KeyError. Protobuf 4.22 renamed the way."""
    found = descriptor_pool.Default().FindMessageTypeByName(name)
    get = getattr(message_factory, "GetMessageClass", None)
    if get is None:
        database: Any = symbol_database
        get = database.Default().GetPrototype
    cls: Type[Message] = get(found)
    return cls


# -- encoding ------------------------------------------------------------------

OTHERS = (bytes, bytearray, memoryview, Message)
SCALARS = {str, int, float, bool, type(None)}
NATURAL = {*SCALARS, dict, list}  # what most results are, asked first
MAX_PLACE = 200  # characters of a place that an error shows


class Encoder:
    """Encodes results; one for each thread that runs commands."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # The containers around the one that is being encoded, by id.
        self.active: Dict[int, Any] = {}
        self.chunks = json_chunks(self.active)

    def put(self, payload: wire.Payload, value: Any) -> None:
        """Fills the payload. Raises BadResult, and TooLarge before a third
        copy of something huge is made."""
        if type(value) in NATURAL or not isinstance(value, OTHERS):
            data = self.json(value)
            if len(data) > self.limit:
                raise TooLarge(len(data), self.limit)
            payload.json = data
        elif isinstance(value, Message):
            put_message(payload, value)
        else:
            size = memoryview(value).nbytes
            if size > self.limit:
                raise TooLarge(size, self.limit)
            payload.raw = bytes(value)

    def json(self, value: Any) -> bytes:
        """JSON text. Raises BadResult."""
        try:
            data = "".join(self.chunks(value, 0)).encode()
            if type(value) not in SCALARS:
                check_keys(value, "result")
            return data
        except RecursionError:
            raise BadResult("the result is nested too deeply") from None
        except Exception as error:
            raise BadResult(culprit(value, error)) from None
        finally:
            self.active.clear()  # nothing is left there, but after errors


def json_chunks(active: Dict[int, Any]) -> Callable[[Any, int], Sequence[str]]:
    """What json.dumps makes anew for every call, made once: 3 ×. The plain
    encoder does it where Python's C accelerator is not, or is another."""
    plain = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    accelerator: Any = json.encoder
    try:
        chunks: Callable[[Any, int], Sequence[str]]
        chunks = accelerator.c_make_encoder(
            active, plain.default, accelerator.encode_basestring, None,
            ":", ",", False, False, False,
        )  # fmt: skip
    except (AttributeError, TypeError):
        return lambda value, level: (plain.encode(value),)
    return chunks


def put_message(payload: wire.Payload, value: Message) -> None:
    """A typed message. One that lacks required fields is refused."""
    missing = value.FindInitializationErrors()
    name = value.DESCRIPTOR.full_name
    if missing:
        raise BadResult(f"result is a {name} without {', '.join(missing)}")
    payload.message.type = name
    payload.message.value = value.SerializeToString()


class Misplaced(Exception):
    """A part of the result is no JSON."""


def check_keys(value: Any, place: str) -> None:
    """The JSON encoder turns keys that are numbers into text, in silence; two
    different keys can so become the same. They are refused instead."""
    if isinstance(value, dict):
        if any(kind is not str for kind in set(map(type, value))):
            for key in value:
                if not isinstance(key, str):
                    raise Misplaced(
                        f"{place} has the key {short(key)} of type "
                        f"{type_name(type(key))}: keys are str"
                    )
        if not SCALARS.issuperset(map(type, value.values())):
            for key, part in value.items():
                if type(part) not in SCALARS:
                    check_keys(part, f"{place}[{short(key)}]")
    elif isinstance(value, (list, tuple)):
        if not SCALARS.issuperset(map(type, value)):
            for index, part in enumerate(value):
                if type(part) not in SCALARS:
                    check_keys(part, f"{place}[{index}]")


def culprit(value: Any, error: Exception) -> str:
    """Which part of the result is to blame, and what to do about it."""
    if isinstance(error, Misplaced):
        return str(error)
    try:
        find_culprit(value, "result", [])
    except Misplaced as found:
        return str(found)
    except RecursionError:
        return "the result is nested too deeply"
    except Exception:  # a container of the user's that raises when looked at
        pass
    return f"result of type {type_name(type(value))}: {error}"


def find_culprit(value: Any, place: str, above: List[int]) -> None:
    """Raises Misplaced at the first part that is no JSON."""
    if value is None:
        return
    if isinstance(value, int):
        try:
            int.__repr__(value)
        except ValueError:
            digits = int(value.bit_length() * 0.30103) + 1
            raise Misplaced(
                f"{place} is an int of about {digits} digits, "
                + too_long("return")
            ) from None
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise Misplaced(
                f"{place} is {value!r}, which is no JSON: return None in its "
                "place, or send bytes or a message"
            )
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Misplaced(f"{place} is no valid Unicode: {error.reason}")
    elif id(value) in above:
        raise Misplaced(f"{place} contains itself")
    elif isinstance(value, dict):
        check_keys(dict.fromkeys(value), place)
        for key, part in value.items():
            find_culprit(key, f"the key {short(key)} of {place}", above)
            find_culprit(part, f"{place}[{short(key)}]", [*above, id(value)])
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            find_culprit(part, f"{place}[{index}]", [*above, id(value)])
    else:
        raise Misplaced(
            f"{place} is of type {type_name(type(value))}, which is no JSON"
            + advice(value)
        )


def advice(value: Any) -> str:
    """What to return instead, where that is known."""
    kind = type(value)
    if kind.__module__.split(".")[0] == "numpy":
        return ": return .tolist()"
    if isinstance(value, (set, frozenset)):
        return ": return sorted(…) or list(…)"
    if isinstance(value, OTHERS):
        return ": bytes and messages travel alone, not within JSON"
    if hasattr(value, "__next__") or hasattr(value, "__anext__"):
        return ": return list(…)"
    if hasattr(value, "__dataclass_fields__"):
        return ": return dataclasses.asdict(…)"
    return ""


def short(key: Any) -> str:
    """A key as it is shown in a place."""
    if isinstance(key, str):
        text = json.dumps(key, ensure_ascii=False)
    else:
        text = repr(key)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_PLACE else text[:MAX_PLACE] + "…"
