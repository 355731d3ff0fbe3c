"""Any schedule of faults: what Hypothesis draws, and shrinks to the one fault that matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from .destinations import SETTLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .destinations import Way

Rule = dict[str, Any]

FAULTS: Final[tuple[Rule, ...]] = (
    {"fault": "latency", "seconds": 0.005},
    {"fault": "throttle"},
    {"fault": "throttle", "retry_after": 0.01},
    {"fault": "server_error", "status": 500},
    {"fault": "server_error", "status": 500, "write": True},
    {"fault": "server_error", "status": 503, "retry_after": 0.005},
    {"fault": "gateway_timeout"},
    {"fault": "gateway_timeout", "write": True},
    {"fault": "gateway_timeout", "write": True, "status": 200},
    {"fault": "reset", "at": "before_write"},
    {"fault": "reset", "at": "after_write"},
    {"fault": "reset", "at": "mid_answer"},
    {"fault": "refused", "seconds": 0.02},
    {"fault": "expired_key"},
    {"fault": "truncated_json"},
    {"fault": "invalid_json"},
    {"fault": "content_type"},
    {"fault": "drip", "pieces": 3, "seconds": 0.006},
    {"fault": "read_lag", "seconds": SETTLE_SECONDS * 0.8},
)
CHANGES: Final = ("drop_first", "repeat_first", "shuffle")


@dataclass(frozen=True)
class Case:
    """A run, and what goes wrong with it: one schedule for each time that it is resumed."""

    known: frozenset[int]
    refused: frozenset[int]
    switches: Mapping[str, Any]
    batch_size: int
    concurrency: int
    rounds: tuple[tuple[Rule, ...], ...]


def cases(way: Way, count: int) -> st.SearchStrategy[Case]:
    """Runs of `count` rows against a destination."""
    numbers = st.integers(1, count)
    known = st.sampled_from([frozenset(), frozenset(range(1, count + 1, 2)), frozenset(range(1, count + 1))])
    switches = st.fixed_dictionaries({name: st.sampled_from(list(v)) for name, v in way.switches.items()})
    schedule = st.lists(rules(way), max_size=4).map(tuple)
    return st.builds(
        Case,
        known=known,
        refused=st.frozensets(numbers, max_size=2),
        switches=switches,
        batch_size=st.integers(1, 9),
        concurrency=st.integers(1, 3),
        rounds=st.lists(schedule, min_size=1, max_size=3).map(tuple),
    )


def rules(way: Way) -> st.SearchStrategy[Rule]:
    """One line of a schedule: a fault of any request or of a writing one, at some of its turns."""
    operations = st.sampled_from([*({"operation": name} for name in way.subject.writes), {}])
    anywhere = st.builds(lambda fault, where: fault | where, st.sampled_from(FAULTS), operations)
    wrong: list[Rule] = [{"fault": "wrong_list", "change": change} | at for at in way.listing for change in CHANGES]
    wrong += [{"fault": "wrong_number", "delta": delta} | at for at in way.counting for delta in (-1, 1)]
    faults = anywhere | st.sampled_from(wrong) if wrong else anywhere
    return st.builds(lambda fault, turns: fault | turns, faults, turns())


def turns() -> st.SearchStrategy[Rule]:
    """At which of the requests that fit: a few by number, each second one, or a stretch of them."""
    times = st.integers(1, 4)
    return st.one_of(
        st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True).map(lambda nth: {"nth": sorted(nth)}),
        st.builds(lambda after, times: {"after": after, "times": times}, st.integers(1, 6), times),
        st.builds(lambda times: {"every": 2, "times": times}, times),
    )
