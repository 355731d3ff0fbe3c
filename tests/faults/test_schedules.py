"""Whatever goes wrong on the way: `resume` ends with the destination as planned, and with outcomes that are true."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import DestinationError
from pipeline.transport import Patience
from tests.delivery.world import World, contact_of, key_of, row_of

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.carried_out import Result
    from pipeline.sandbox.server import Sandbox

pytest_plugins = ["tests.delivery.fixtures"]

COUNT = 30
BRIEF = Patience(attempts=2, first_wait_seconds=0.002, longest_wait_seconds=0.005, limit_seconds=5)
RULES: list[dict[str, Any]] = [
    {"fault": "reset", "at": "before_write"},
    {"fault": "reset", "at": "after_write"},
    {"fault": "reset", "at": "mid_answer"},
    {"fault": "throttle"},
    {"fault": "throttle", "retry_after": 0.01},
    {"fault": "server_error", "status": 500, "write": True},
    {"fault": "server_error", "status": 503},
    {"fault": "gateway_timeout", "write": True},
    {"fault": "gateway_timeout", "status": 200},
    {"fault": "truncated_json"},
    {"fault": "invalid_json"},
    {"fault": "content_type"},
    {"fault": "wrong_number"},
    {"fault": "wrong_list"},
    {"fault": "answer", "status": 403, "body": {"message": "Forbidden"}},
    {"fault": "answer", "status": 200, "body": {"data": {"updateContacts": {"modifiedCount": 0}}}},
]
SETTINGS: dict[str, list[Any]] = {
    "batch_mode": ["atomic", "partial_applied"],
    "error_report": ["first", "all"],
    "count_noop": [True, False],
    "create_existing": ["upsert", "error", "duplicate"],
}


def schedule(chance: random.Random) -> list[dict[str, Any]]:
    """Two to six rules that strike by chance, on mutations mostly."""
    return [
        chance.choice(RULES)
        | {"probability": chance.choice([0.2, 0.5]), "seed": chance.randrange(1000), "times": chance.randint(1, 4)}
        | ({"operation": chance.choice(["updateContacts", "createContacts"])} if chance.random() < 0.8 else {})
        for _ in range(chance.randint(2, 6))
    ]


def require_true(world: World, result: Result) -> None:
    """No outcome says other than the sandbox knows."""
    assert result.summary.balanced
    stored = world.stored()
    for key, row in world.outcomes(result).items():
        applied = key in stored and stored[key][0][0].get("Points") == int(key[2:])
        if row["outcome"] in ("created", "updated"):
            assert applied, (key, row)
        elif row["outcome"] in ("failed", "rejected") or row["reason"] == "not_sent":
            assert not applied, (key, row)


@pytest.mark.parametrize("seed", range(10))
def test_resuming_until_settled_reaches_the_planned_state(tmp_path: Path, sandbox: Sandbox, seed: int) -> None:
    """For any schedule of faults, conservation holds at each stop, and the end is the planned state."""
    chance = random.Random(seed)
    world = World(tmp_path, sandbox, BRIEF)
    mode = chance.choice(["update", "create", "upsert"])
    known = {"update": range(1, COUNT + 1), "create": (), "upsert": range(1, COUNT + 1, 2)}[mode]
    world.seed([contact_of(n) for n in known], **{name: chance.choice(words) for name, words in SETTINGS.items()})
    mapping = world.mapping(
        mode=mode, batch_size=chance.randint(1, 9), concurrency=chance.randint(1, 4), settle=0.1, timeout=2
    )
    planned = world.plan(mapping, world.export([row_of(n) for n in range(1, COUNT + 1)]))
    bad = chance.sample(range(1, COUNT + 1), chance.randint(0, 3))
    poison = [{"fault": "poison_row", "key": key_of(n), "code": "X", "message": "no"} for n in bad]
    for attempt in range(6):
        # A fault that lies about what was done is told from the truth by reading back only: two calm rounds at the end.
        sandbox.faults(poison + (schedule(chance) if attempt < 3 else []))
        try:
            result = world.resume(planned.summary.run_id)
        except DestinationError:
            continue
        require_true(world, result)
        if result.error is None and not result.summary.rows.unknown and attempt > 2:
            break
    assert result.error is None
    assert result.summary.rows.unknown == 0, world.outcomes(result)
    stored = world.stored()
    assert {key for key in stored if len(stored[key]) > 1} == set()
    failed = {key for key, row in world.outcomes(result).items() if row["outcome"] == "failed"}
    lied = {key for key, row in world.outcomes(result).items() if row["reason"] == "not_applied"}
    assert failed - lied <= {key_of(n) for n in bad} <= failed
    good = {key_of(n) for n in range(1, COUNT + 1)} - failed
    assert {key for key, [(a, c)] in stored.items() if "Points" in a and c["channels"]["EMAIL"] == "OPT_IN"} == good
