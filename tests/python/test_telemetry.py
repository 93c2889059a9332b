"""Events from adapters, and the correlation of what is logged and emitted."""

from __future__ import annotations

import json

import pytest
from conftest import wire


@pytest.fixture(params=[1, 4], ids=["process", "thread"])
def host(request, start):
    return start("asks", threads=request.param)


def events_until_result(host, count=1):
    """The telemetry, and the log records, until so many calls are answered."""
    events = []
    while count:
        frame = host.receive()
        if frame.WhichOneof("body") == "telemetry":
            events.append(frame.telemetry)
        else:
            assert frame.WhichOneof("body") == "result", frame
            count -= 1
    return events


def emit(host, *arguments, command="emits", **fields):
    host.send(host.make_call(command, *arguments, **fields))
    return events_until_result(host)



def test_names_of_the_hosts_own_are_not_to_be_had(host):
    (event,) = emit(host, "charmer.worker.gil_enabled", {}, {})
    assert event.name == "adapter.charmer.worker.gil_enabled"


def test_an_event_has_measurements_metadata_and_correlation(host):
    (event,) = emit(
        host, "model.loaded", {"seconds": 1.5}, {"name": "ä"}, correlation="c7"
    )
    assert event.name == "model.loaded" and event.correlation == "c7"
    assert json.loads(event.measurements) == {"seconds": 1.5}
    assert json.loads(event.metadata) == {"name": "ä"}
    (event,) = emit(host, "bare")
    assert event.correlation == ""
    assert event.measurements == event.metadata == b"{}"


def test_what_is_no_json_becomes_text(host):
    (event,) = emit(host, command="emits_odd")
    assert json.loads(event.measurements) == {"nan": "nan", "ok": 1}
    assert json.loads(event.metadata) == {"1": "{2}"}


def test_what_has_no_text_does_not_fail_the_call(host):
    (event,) = emit(host, command="emits_broken")
    assert b'"ok": 1' in event.measurements
    (shown,) = json.loads(event.metadata).values()
    assert shown == "(a asks.Broken that cannot be shown)"


class Growing(dict):
    """As one to which another thread adds while it is gone through."""

    def items(self):
        for item in list(super().items()):
            yield item
            raise RuntimeError("dictionary changed size during iteration")


@pytest.mark.parametrize(
    "values, told",
    [
        (Growing(a=1), {"a": 1}),
        ([float("nan")], "[nan]"),
        ({"n": 10**5000, "ok": 1}, {"n": "(a int that cannot be shown)", "ok": 1}),
    ],
    ids=["grows", "no mapping", "digits"],
)
def test_whatever_it_is_given_an_event_is_made_of_it(values, told):
    from charmer.telemetry import encoded

    assert json.loads(encoded(values)) == told


@pytest.mark.parametrize("fail", [False, True])
def test_a_span_measures_and_says_how_it_ended(host, fail):
    (event,) = emit(host, fail, command="spans")
    assert event.name == "work"
    measured = json.loads(event.measurements)
    assert measured["rows"] == 3 and measured["duration_ns"] > 0
    expected = {"kind": "test", "outcome": "ok"}
    if fail:
        expected = {"kind": "test", "outcome": "error", "error": "ValueError"}
    assert json.loads(event.metadata) == expected


def options(**telemetry):
    return {"charmer": {"telemetry": telemetry}}


class Sampler:
    def __init__(self, **telemetry):
        from charmer import options as known
        from charmer.telemetry import Filter

        data = json.dumps(options(**telemetry)).encode()
        self.filter = Filter(known.parse(data)[0], seed=7)

    def share(self, name, count=10_000):
        return sum(self.filter.passes(name) for _ in range(count)) / count


@pytest.mark.parametrize(
    "telemetry, name, passes",
    [
        ({}, "anything", True),
        ({"allow": ["model.*"]}, "model.loaded", True),
        ({"allow": ["model.*"]}, "modelloaded", False),
        ({"deny": ["*.debug"]}, "model.debug", False),
        ({"deny": ["*.debug"]}, "model.info", True),
        ({"allow": ["model.*"], "deny": ["model.x"]}, "model.x", False),
        ({"allow": ["a", "b"]}, "b", True),
        ({"allow": []}, "b", False),
        ({"sample": 0}, "b", False),
    ],
)
def test_patterns_allow_and_deny_and_deny_wins(telemetry, name, passes):
    assert Sampler(**telemetry).share(name, 100) == passes


def test_a_part_is_sent_when_sampled():
    assert 0.22 < Sampler(sample=0.25).share("x") < 0.28


def test_the_filter_of_the_options_is_used(start, tmp_path):
    (tmp_path / "emitter.py").write_text(
        "import charmer\n"
        "class Emitter(charmer.Adapter):\n"
        "    def emits(self, name, count):\n"
        "        for _ in range(count): charmer.telemetry.emit(name)\n"
    )
    host = start(
        "emitter:Emitter",
        python_path=[str(tmp_path)],
        options=options(sample=0.5, allow=["a*"], deny=["ab"]),
    )
    for name, low, high in (("aa", 120, 280), ("ab", 0, 0), ("b", 0, 0)):
        host.send(host.make_call("emits", name, 400))
        assert low <= len(events_until_result(host)) <= high


def test_an_event_above_the_frame_limit_is_told_in_the_log(start):
    host = start("asks", max_frame_bytes=2000)
    assert len(emit(host, 1500, command="emits_text")) == 1
    assert emit(host, 2500, command="emits_text") == []
    assert "above max_frame_bytes: not sent" in host.logs[-1].text


def test_outside_a_worker_nothing_happens():
    import charmer

    charmer.telemetry.emit("x")
    with charmer.telemetry.span("x"):
        pass


def test_log_records_of_calls_that_overlap_carry_their_own_ids(start):
    host = start("asks", threads=4)
    calls = [
        host.make_call(command, f"m{n}", correlation=f"m{n}")
        for n, command in enumerate(["logs_async", "logs"] * 20)
    ]
    host.send(*calls)
    events = events_until_result(host, len(calls))
    assert len(host.logs) == 40 and len(events) == 20
    assert all(log.text == log.correlation for log in host.logs)
    assert all(event.name == event.correlation for event in events)


def test_a_formatter_of_the_users_can_name_the_correlation(host):
    assert host.value("formats", "said", correlation="c1") == "c1 said"
    assert host.value("formats", "said") == " said"


def test_typed_frames_stay_whole_when_many_emit(start):
    host = start("asks", threads=4)
    host.send(*[host.make_call("emits_many", "x", 200) for _ in range(8)])
    events = events_until_result(host, 8)
    assert len(events) == 1600
    assert {type(event) for event in events} == {wire.Telemetry}
