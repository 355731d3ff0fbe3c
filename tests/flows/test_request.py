"""What a run may be asked for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from flows.request import SyncRequest

IMPOSSIBLE = {
    "a plan of nothing": ({}, "mode plan needs a mapping file and an export file"),
    "a sync without an export": ({"mode": "sync", "mapping": "m.yaml"}, "needs a mapping file and an export file"),
    "a plan of an earlier run": ({"mapping": "m.yaml", "export": "x.csv", "run": "latest"}, "starts anew"),
    "a resume without a run": ({"mode": "resume"}, "mode resume needs the id of an earlier run"),
    "a resume of another export": (
        {"mode": "resume", "run": "latest", "export": "x.csv"},
        "its run's mapping and export",
    ),
    "a full resume": ({"mode": "resume", "run": "latest", "full": True}, "leave `mapping`, `export` and `full` out"),
    "opt-outs of a sync": (
        {"mode": "sync", "mapping": "m.yaml", "export": "x.csv", "only": "opt-outs"},
        "only mode apply can send the opt-outs",
    ),
    "opt-ins ahead": ({"mode": "apply", "run": "latest", "only": "opt-ins"}, "'opt-outs' or 'whole'"),
    "an approved sync": (
        {"mode": "sync", "mapping": "m.yaml", "export": "x.csv", "approve": "0123456789ab"},
        "only mode apply takes an approved plan hash",
    ),
    "too short an approval": ({"mode": "apply", "run": "latest", "approve": "0123"}, "pattern"),
    "another mode": (
        {"mode": "delete", "mapping": "m.yaml", "export": "x.csv"},
        "'plan', 'sync', 'apply', 'resume', 'revert' or 'verify'",
    ),
    "an approval of a plan alone": (
        {"mapping": "m.yaml", "export": "x.csv", "approval": "always"},
        "sends nothing, so there is nothing to approve",
    ),
    "an approval of what is approved": (
        {"mode": "apply", "run": "latest", "approve": "0123456789ab", "approval": "always"},
        "an approval already",
    ),
    "an approval of a resume": (
        {"mode": "resume", "run": "latest", "approval": "always"},
        "finishes what was approved already",
    ),
    "an audit of nothing": ({"mode": "verify"}, "mode verify needs a mapping file"),
    "a full audit": ({"mode": "verify", "mapping": "m.yaml", "full": True}, "mode verify sends nothing"),
    "a drift of a sync": (
        {"mode": "sync", "mapping": "m.yaml", "export": "x.csv", "max_drift": 0.1},
        "only mode verify looks at drift",
    ),
    "a revert of an export": ({"mode": "revert", "export": "x.csv"}, "mode revert needs the id of an earlier run"),
    "an address in a name": ({"mapping": "m.yaml", "export": "jo@example.com.csv"}, "should match pattern"),
    "no time to approve": ({"mapping": "m.yaml", "export": "x.csv", "approval_hours": 0}, "greater than or equal to 1"),
    "another field": ({"mapping": "m.yaml", "export": "x.csv", "api_key": "x"}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("given", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_impossible_request_is_refused_with_a_sentence(given: dict[str, Any], said: str) -> None:
    """No run is started for what no run can do."""
    with pytest.raises(ValidationError, match=said):
        SyncRequest.model_validate(given)


def test_only_a_plan_is_made_unless_more_is_asked_for() -> None:
    """The form's defaults send nothing."""
    assert SyncRequest(mapping="m.yaml", export="x.csv").mode == "plan"


def test_the_form_is_complete() -> None:
    """Each field has a title, a plain description, a default and a place of its own; none is for a secret."""
    fields = SyncRequest.model_fields
    for name, field in fields.items():
        assert field.title, name
        assert field.description, name
        assert not field.is_required(), name
        assert field.annotation is not SecretStr, name
    properties = SyncRequest.model_json_schema()["properties"]
    assert [properties[name]["position"] for name in fields] == list(range(len(fields)))


def test_a_run_is_named_by_what_it_does() -> None:
    """The list of runs tells them apart."""
    request = SyncRequest(mapping="mappings/by_channel.yaml", export="in/contacts.csv")
    assert request.name("acoustic_connect") == "plan contacts.csv by by_channel to acoustic_connect"
    assert SyncRequest.model_validate({"mode": "resume", "run": "R-1"}).name(None) == "resume R-1"
