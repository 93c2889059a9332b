"""Sessions: what one worker remembers between calls."""

from __future__ import annotations

import pytest
from conftest import wire

Failure = wire.Failure


@pytest.fixture(params=[1, 3], ids=["process", "thread"])
def host(request, start):
    return start("asks", threads=request.param)


def test_a_session_remembers_what_its_calls_put_there(host):
    assert host.value("remembers", 1, session="a") == ["a", [1]]
    assert host.value("remembers", 2, session="b") == ["b", [2]]
    assert host.value("remembers", 3, session="a") == ["a", [1, 3]]


def test_a_call_without_a_session_has_none(host):
    assert host.value("remembers", 1) is None


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def sessions(ttl=10.0, most=3):
    from charmer.sessions import Sessions

    clock = Clock()
    return Sessions(ttl, most, clock), clock


def test_a_session_is_forgotten_after_its_last_use_not_its_first():
    known, clock = sessions()
    known.use("a")["x"] = 1
    clock.now = 9
    assert known.use("a") == {"x": 1}
    clock.now = 18.9
    assert known.use("a") == {"x": 1}
    clock.now = 28.9
    assert known.use("a") == {}


def test_a_call_that_asks_for_nothing_is_a_use_too():
    known, clock = sessions()
    known.use("a")["x"] = 1
    clock.now = 9
    known.enter("a")
    clock.now = 12
    known.leave("a")
    clock.now = 21.9
    assert known.use("a") == {"x": 1}
    clock.now = 40
    known.enter("a")
    assert known.use("a") == {}


def test_a_session_is_not_forgotten_while_a_call_of_it_runs():
    known, clock = sessions(most=2)
    known.enter("a")
    mine = known.use("a")
    clock.now = 100
    for name in "bcde":  # others, which forget what is due
        known.use(name)
    assert known.use("a") is mine
    known.leave("a")
    assert not known.running
    clock.now = 110
    assert known.use("a") is not mine


def test_without_any_time_a_session_lasts_as_long_as_its_call():
    known, _ = sessions(ttl=0)
    known.enter("a")
    mine = known.use("a")
    assert known.use("a") is mine
    known.leave("a")
    assert known.use("a") is not mine


def test_those_whose_time_is_over_do_not_stay_in_memory():
    known, clock = sessions()
    for name in "ab":
        known.use(name)
    clock.now = 5
    known.use("a")
    clock.now = 12
    known.use("c")
    assert list(known.known) == ["a", "c"]


def test_beyond_the_most_the_one_unused_for_longest_goes():
    known, clock = sessions(most=3)
    for name in "abcad":
        known.use(name)["name"] = name
    assert list(known.known) == ["c", "a", "d"]
    assert known.use("b") == {}


def test_ttl_and_most_come_from_the_options(start, tmp_path):
    (tmp_path / "keeper.py").write_text(
        "import charmer\n"
        "class Keeper(charmer.Adapter):\n"
        "    def count(self):\n"
        "        s = charmer.session()\n"
        "        s['n'] = s.get('n', 0) + 1\n"
        "        return s['n']\n"
        "    def nothing(self):\n"
        "        return len(charmer.context.worker.sessions.running)\n"
    )
    host = start(
        "keeper:Keeper",
        python_path=[str(tmp_path)],
        options={"charmer": {"sessions": {"max": 2}}},
    )
    assert [host.value("count", session=x) for x in "abab"] == [1, 1, 2, 2]
    assert [host.value("count", session=x) for x in "cab"] == [1, 1, 1]
    assert host.value("nothing", session="a") == 1
    assert host.call("count", 1, 2, session="a").kind == Failure.BAD_ARGUMENTS
    assert host.value("nothing") == 0
