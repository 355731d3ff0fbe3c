"""What Prefect knows after days of work with people's data: nothing of theirs. And a letter that says as much."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Final

from pipeline.alerting import EPISODES
from pipeline.ledger.ledger import Ledger
from tests.delivery.world import row_of
from tests.flows.operations import operated, until
from tests.flows.post_office import post_office, words_of
from tests.flows.test_operations import asked, make_block

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

    from tests.delivery.world import World
    from tests.flows.operations import Operations

PLANTED: Final = {
    "contact_id": "K-PLANTED",
    "email": "planted.person@example.com",
    "mobile": "+12125550199",
    "first_name": "Plantedname",
}
WORDS: Final = ("K-PLANTED", "planted.person", "planted%2eperson", "2125550199", "Plantedname")
LISTS: Final = (
    "flows", "flow_runs", "task_runs", "logs", "artifacts", "events", "deployments", "automations", "variables",
    "block_documents", "work_pools",
)  # fmt: skip
"""What the pages of the user interface are made from, and more."""


def test_whatever_happens_prefect_is_told_nothing_personal(
    tmp_path: Path, prefect_database: Path, operations: Operations
) -> None:
    """An approval, a partial and a failed run, an audit, a revert, alerts by letter: no address, number, name or id of
    a person is in anything that Prefect shows, nor in its database, its logs or a letter.
    """
    letters: list[Message] = []
    settings = {"CONSENT_SYNC_ATTEMPTS": "1"}
    with operated(tmp_path, operations.sandbox, prefect_database, **settings) as mine, post_office(letters) as port:
        make_block(mine, "slack-webhook", "post", url=f"mailto://127.0.0.1:{port}?from=sync@x.test&to=ops@x.test")
        set_up = mine.command("alerts", "slack-webhook", "post")
        assert set_up.returncode == 0, set_up.stderr
        world = mine.world(tmp_path)
        runs = _days(mine, world)
        until(lambda: len(letters) >= 4, "the letters")
        shown = {name: json.dumps(mine.ask("POST", f"/{name}/filter", {})) for name in LISTS}
        alerts = {"filter": {"event": {"prefix": ["consent-sync."]}}}  # a page of events is short
        shown["alerts"] = json.dumps(mine.ask("POST", "/events/filter", alerts))
        for run in runs:
            shown[f"input of {run}"] = json.dumps(mine.ask("POST", f"/flow_runs/{run}/input/filter", {"prefix": ""}))
            shown[f"states of {run}"] = json.dumps(mine.ask("GET", f"/flow_run_states/?flow_run_id={run}"))
    assert "consent-sync-acoustic-connect" in shown["artifacts"]
    assert "consent-sync.partial" in shown["alerts"]
    assert "plan-that-waits" in shown[f"input of {runs[1]}"]
    subjects = {str(letter["Subject"]): words_of(letter) for letter in letters}
    assert {"consent-sync.partial", "consent-sync.approval-waiting", "consent-sync.failed"} <= subjects.keys()
    assert subjects["consent-sync.failed"].startswith(("audit m: ", "mapping m: "))
    files = [path for path in (mine.home / "prefect-server").rglob("*") if path.is_file()]
    places: dict[object, bytes] = {path: path.read_bytes() for path in files}
    places |= {name: text.encode() for name, text in shown.items()}
    places |= {f"letter {number}": bytes(letter) for number, letter in enumerate(letters)}
    places["what the service said"] = "".join(mine.said).encode()
    for place, content in places.items():
        for planted in WORDS:
            assert planted.lower().encode() not in content.lower(), place


def _days(mine: Operations, world: World) -> list[str]:
    """Runs of all kinds; each is over."""
    known = {"attributes": {"Contact key": PLANTED["contact_id"], "Email": PLANTED["email"]}}
    world.seed([known | {"consent": {"channels": {"EMAIL": "OPT_IN"}}}])
    partial = mine.start("operator", mode="sync", **asked(world, _rows()))
    assert mine.ended(partial)[0] == "Failed", mine.state(partial)

    more = {**PLANTED, "first_name": "Plantedname-2", "email_opt_in": "N"}
    waits = mine.start("operator", mode="sync", **asked(world, [row_of(1, **more)], "max_opt_outs: 0"))
    assert mine.ended(waits)[0] == "Suspended", mine.state(waits)
    form = json.dumps(mine.form(waits))
    assert not any(word in form for word in WORDS)
    _approve(mine, waits)

    audit = mine.start("verify", mode="verify", **asked(world, _rows()))
    assert mine.ended(audit)[0] == "Failed", mine.state(audit)

    revert = mine.start("operator", mode="revert", run=mine.state(waits)[1].partition(":")[0])
    if mine.ended(revert)[0] == "Suspended":
        _approve(mine, revert)

    said = {"errors": [{"message": f"{PLANTED['email']} ({PLANTED['contact_id']}) {PLANTED['mobile']} is broken"}]}
    world.faults([{"fault": "server_error", "operation": "updateContacts", "body": said}])
    failed = mine.start(
        "operator", mode="sync", **asked(world, [row_of(1, **PLANTED | {"first_name": "Plantedname-3"})])
    )
    assert mine.ended(failed)[0] == "Failed", mine.state(failed)
    world.faults([])
    with closing(Ledger.at(mine.home, None)) as ledger, ledger.transaction() as connection:
        connection.execute(EPISODES.delete())
    missing = mine.start("operator", mode="sync", **asked(world, []) | {"export": str(world.path / "missing.csv")})
    assert mine.ended(missing)[0] == "Failed"
    return [partial, waits, audit, revert, failed, missing]


def _rows() -> list[dict[str, str]]:
    """A person in every way in which a row can be wrong."""
    return [
        row_of(2, **PLANTED | {"contact_id": "K-PLANTED-2"}),
        row_of(3, **PLANTED | {"contact_id": "K-PLANTED-3", "mobile": "+12125550199x", "points": "Plantedname"}),
        row_of(4, **PLANTED | {"contact_id": ""}),
        row_of(5, **PLANTED | {"contact_id": "K-PLANTED-5", "email_opt_in": "planted.person@example.com"}),
    ]


def _approve(mine: Operations, run: str) -> None:
    mine.answer(run, decision="approve", plan=mine.form(run)["properties"]["plan"]["default"])
    until(lambda: mine.run(run)["state_type"] != "PAUSED", "the run to go on")
    mine.ended(run)
