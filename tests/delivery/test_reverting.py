"""`revert`: a run of its own that gives back the consents that a run changed, unless somebody changed them since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline import run
from pipeline.errors import GuardTripped, RunFolderError, UsageError
from tests.delivery.world import GROUPS, contact_of, contacts_of, key_of, row_of

if TYPE_CHECKING:
    from pipeline.carried_out import Result
    from tests.delivery.commands import Commands
    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def revert(world: World, result: Result) -> Result:
    """`revert`; what it says is known to send nothing."""
    before = len(world.mutations())
    planned = run.revert(result.summary.run_id, world.context())
    assert len(world.mutations()) == before
    return planned


def approved(world: World, planned: Result) -> Result:
    """`apply` with the plan's hash."""
    return world.apply(planned.summary.run_id, planned.summary.plan_hash)


def email(number: int, status: str) -> dict[str, object]:
    """A seeded contact with an e-mail status."""
    return contact_of(number, channels={"EMAIL": status})


def test_what_was_opted_in_goes_back(world: World) -> None:
    """A status that was unset is cleared, one that was set is set again; nobody needs to approve that."""
    world.seed([contact_of(1), email(2, "OPT_IN_UNVERIFIED"), email(3, "OPT_IN")])
    before = {n: world.status(key_of(n)) for n in (1, 2, 3)}
    done = world.sync(world.mapping(), world.export([row_of(1), row_of(2), row_of(3)]))
    assert {world.status(key_of(n)) for n in (1, 2, 3)} == {"OPT_IN"}
    planned = revert(world, done)
    assert (planned.exit_code, planned.summary.status) == (0, "planned")
    assert planned.summary.transitions == {"EMAIL": {"OPT_IN->CLEAR": 1, "OPT_IN->OPT_IN_UNVERIFIED": 1}}
    result = world.apply(planned.summary.run_id)
    assert {n: world.status(key_of(n)) for n in (1, 2, 3)} == before
    assert (result.exit_code, result.summary.balanced, result.summary.rows.read) == (0, True, 3)
    outcomes = world.outcomes(result)
    assert {key: row["outcome"] for key, row in outcomes.items()} == {
        key_of(1): "updated", key_of(2): "updated", key_of(3): "unchanged",
    }  # fmt: skip
    assert "attributes stay as the run wrote them: Email, First Name, Points" in outcomes[key_of(3)]["message"]


def test_nobody_is_opted_in_again_without_approval(world: World) -> None:
    """A guard says how many opt-outs would end; the hash of exactly that plan lets it pass."""
    world.seed([email(n, "OPT_IN") for n in (1, 2, 3)])
    rows = [row_of(1, email_opt_in="N"), row_of(2, email_opt_in="N"), row_of(3)]
    planned = revert(world, world.sync(world.mapping(), world.export(rows)))
    assert planned.exit_code == 4
    assert "2 contacts who are opted out or restricted now would no longer be" in str(planned.error)
    for attempt in (world.apply, world.resume):
        with pytest.raises(GuardTripped, match="reverted_opt_outs"):
            attempt(planned.summary.run_id)
    assert world.status(key_of(1)) == "OPT_OUT"
    result = approved(world, planned)
    assert result.summary.transitions == {"EMAIL": {"OPT_OUT->OPT_IN": 2}}
    assert {world.status(key_of(n)) for n in (1, 2, 3)} == {"OPT_IN"}


def test_clearing_an_opt_out_asks_for_approval_too(world: World) -> None:
    """Where nothing was set before an opt-out, what is left without it is no permission, and still no opt-out."""
    world.seed([contact_of(1)])
    planned = revert(world, world.sync(world.mapping(), world.export([row_of(1, email_opt_in="N")])))
    assert planned.exit_code == 4
    approved(world, planned)
    assert world.status(key_of(1)) is None


def test_whoever_was_changed_since_is_left_alone(world: World) -> None:
    """By the platform, by a later run, or gone: each says so, and the others go back."""
    world.seed([email(n, "OPT_IN") for n in range(1, 6)])
    mapping = world.mapping()
    done = world.sync(mapping, world.export([row_of(n, email_opt_in="N") for n in range(1, 6)]))
    later = {"at": "2026-03-01T00:00:00Z", "email_opt_in": "Y"}
    world.sync(mapping, world.export([row_of(2, **later), row_of(3, email_opt_in="N", at="2026-03-01T00:00:00Z")]))
    world.seed([email(1, "OPT_IN_UNVERIFIED"), email(2, "OPT_IN"), email(3, "OPT_OUT"), email(5, "OPT_OUT")])
    planned = revert(world, done)
    result = approved(world, planned)
    outcomes = world.outcomes(result)
    assert {key: (row["outcome"], row["reason"]) for key, row in outcomes.items()} == {
        key_of(1): ("held", "changed_since"),
        key_of(2): ("unchanged", "already_told"),
        key_of(3): ("held", "changed_since"),
        key_of(4): ("failed", "contact_not_found"),
        key_of(5): ("updated", ""),
    }
    assert (result.exit_code, result.summary.balanced) == (3, True)
    assert [world.status(key_of(n)) for n in (1, 2, 3, 5)] == ["OPT_IN_UNVERIFIED", "OPT_IN", "OPT_OUT", "OPT_IN"]


def test_an_opt_out_that_the_run_did_not_make_forbids(world: World) -> None:
    """The platform's own of a channel, the list's, and that of the last export since stand, approved or not."""
    consent = {"channels": {"EMAIL": "OPT_IN"}, "consentGroups": {"g-news": {"EMAIL": "OPT_IN"}}}
    world.seed([contact_of(n, **consent) for n in (1, 2, 3, 4)])
    mapping = world.mapping(consent=GROUPS)
    (world.path / "stop.txt").write_text("c0003@example.com\n")
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {suppression: stop.txt, "))
    done = world.sync(mapping, world.export([row_of(n, email_opt_in="N") for n in (1, 2, 3, 4)]))
    assert done.exit_code == 0, world.outcomes(done)
    world.sync(mapping, world.export([row_of(2, email_opt_in="N")]))
    out = {"channels": {"EMAIL": "OPT_OUT"}, "consentGroups": {"g-news": {"EMAIL": "OPT_OUT"}}}
    left = out | {"channels": {"EMAIL": "OPT_IN"}}
    world.seed([contact_of(1, **out), *(contact_of(n, **left) for n in (2, 3, 4))])
    result = approved(world, revert(world, done))
    assert {key: (row["outcome"], row["reason"]) for key, row in world.outcomes(result).items()} == {
        key_of(1): ("held", "opted_out_elsewhere"),
        key_of(2): ("held", "opted_out_elsewhere"),
        key_of(3): ("held", "suppressed"),
        key_of(4): ("updated", ""),
    }


def test_who_opts_out_between_plan_and_apply_stays_out(world: World) -> None:
    """`apply` looks once more at whoever it would raise."""
    world.seed([email(1, "OPT_IN_UNVERIFIED"), email(2, "OPT_IN_UNVERIFIED")])
    planned = revert(world, world.sync(world.mapping(), world.export([row_of(1), row_of(2)])))
    world.seed([email(1, "OPT_OUT"), email(2, "OPT_IN")])
    result = world.apply(planned.summary.run_id)
    assert world.outcomes(result)[key_of(1)]["outcome"] == "held"
    assert [world.status(key_of(n)) for n in (1, 2)] == ["OPT_OUT", "OPT_IN_UNVERIFIED"]


def test_reverting_twice_sends_nothing_and_a_revert_is_reverted(world: World) -> None:
    """The second time all is as it was before; taking back the revert brings back what the run had left."""
    world.seed([email(1, "OPT_IN"), contact_of(2)])
    done = world.sync(world.mapping(), world.export([row_of(1, email_opt_in="N"), row_of(2)]))
    back = approved(world, revert(world, done))
    world.sandbox.clear_requests()
    again = revert(world, done)
    assert (again.exit_code, again.summary.rows.unchanged) == (0, 2)
    assert world.apply(again.summary.run_id).summary.rows.unchanged == 2
    assert world.mutations() == []
    world.apply(revert(world, back).summary.run_id)
    assert [world.status(key_of(n)) for n in (1, 2)] == ["OPT_OUT", "OPT_IN"]


def test_the_state_knows_of_a_revert(world: World) -> None:
    """What was given back counts as told: the same export again changes it again, where nothing forbids it."""
    world.seed([contact_of(1)])
    mapping, export = world.mapping(), world.export([row_of(1)])
    world.apply(revert(world, world.sync(mapping, export)).summary.run_id)
    assert world.sync(mapping, export).summary.transitions == {"EMAIL": {"UNSET->OPT_IN": 1}}
    assert world.status(key_of(1)) == "OPT_IN"


def test_a_run_that_is_not_finished_names_the_command_that_finishes_it(world: World) -> None:
    """Nothing is taken back of which nobody knows whether it was done, and nothing where nothing was sent."""
    world.seed([contact_of(n) for n in range(1, 4)])
    world.faults([{"fault": "server_error", "operation": "updateContacts"}])
    done = world.sync(world.mapping(), world.export([row_of(1)]))
    with pytest.raises(UsageError, match=f"consent-sync resume {done.summary.run_id}"):
        run.revert(done.summary.run_id, world.context())
    world.faults([])
    planned = world.plan(world.mapping(), world.export([row_of(2)]))
    with pytest.raises(UsageError, match="has sent nothing"):
        run.revert(planned.summary.run_id, world.context())
    done = world.resume(done.summary.run_id)
    assert revert(world, done).summary.rows.read == 1


def test_a_touched_revert_is_refused(world: World) -> None:
    """The hash of its plan covers which run it takes back."""
    world.seed([contact_of(1)])
    planned = revert(world, world.sync(world.mapping(), world.export([row_of(1)])))
    path = world.folder(planned) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"reverts": None}))
    with pytest.raises(RunFolderError, match="not those that were planned"):
        world.apply(planned.summary.run_id)


def test_the_command_plans_and_names_the_next_one(world: World, command: Commands) -> None:
    """`revert` prints the plan; its rejects say what was left and what was there before; `explain` shows a contact."""
    world.seed([email(1, "OPT_IN"), email(2, "OPT_IN")])
    world.sync(world.mapping(), world.export([row_of(1, email_opt_in="N"), row_of(2, email_opt_in="N")]))
    world.seed([email(1, "OPT_OUT"), email(2, "OPT_IN_UNVERIFIED")])
    ended = command("revert", "latest", "--json")
    assert (ended.code, ended.document["status"]) == (4, "planned")
    run_id, plan_hash = ended.document["run_id"], ended.document["plan_hash"]
    assert f"consent-sync apply {run_id} --approve {plan_hash[:12]}" in ended.err
    applied = command("apply", run_id, "--approve", plan_hash)
    assert applied.code == 3
    rejects = (world.folder(run_id) / "rejects.csv").read_text().splitlines()
    assert rejects[0].startswith("identity,EMAIL left,EMAIL before,")
    assert rejects[1].startswith("C-0002,OPT_OUT,OPT_IN,")
    assert "EMAIL: OPT_OUT->OPT_IN" in command("explain", run_id, key_of(1)).out
    assert "sync" not in (world.folder(run_id) / "report.html").read_text().split("rejects.csv has")[-1][:200]


def test_who_had_opted_out_at_the_platform_before_the_run_is_not_opted_in(world: World) -> None:
    """What the state says of them is old: the run reads them before it opts them out, and finds what goes back."""
    world.seed([email(1, "OPT_IN_UNVERIFIED"), email(2, "OPT_IN_UNVERIFIED")])
    mapping = world.mapping()
    world.sync(mapping, world.export([row_of(1), row_of(2)]))
    world.seed([email(1, "OPT_OUT"), email(2, "OPT_IN")])
    done = world.sync(mapping, world.export([row_of(1, email_opt_in="N"), row_of(2, email_opt_in="N")]))
    approved(world, revert(world, done))
    assert [world.status(key_of(n)) for n in (1, 2)] == ["OPT_OUT", "OPT_IN"]


def test_whoever_the_run_did_not_read_is_not_opted_in(world: World) -> None:
    """Where the mapping does not hear the destination, nobody knows whether the opt-out was there already."""
    world.seed([email(1, "OPT_IN_UNVERIFIED")])
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {witnesses: [export, state], "))
    world.sync(mapping, world.export([row_of(1)]))
    done = world.sync(mapping, world.export([row_of(1, email_opt_in="N")]))
    planned = revert(world, done)
    assert (planned.exit_code, planned.summary.reasons) == (0, {"before_unknown": 1})
    assert world.apply(planned.summary.run_id).summary.rows.held == 1
    assert world.status(key_of(1)) == "OPT_OUT"


def test_a_channel_that_is_opted_out_after_the_plan_holds_its_group(world: World) -> None:
    """The group's own opt-out is the run's; the channel's is not, and the group's permission would end it."""
    before = {"channels": {"EMAIL": "OPT_IN"}, "consentGroups": {"g-news": {"EMAIL": "OPT_IN"}}}
    left = before | {"consentGroups": {"g-news": {"EMAIL": "OPT_OUT"}}}
    world.seed([contact_of(n, **before) for n in (1, 2)])
    done = world.sync(world.mapping(consent=GROUPS), world.export([row_of(n, email_opt_in="N") for n in (1, 2)]))
    world.seed([contact_of(n, **left) for n in (1, 2)])
    planned = revert(world, done)
    assert planned.summary.transitions == {"Newsletters": {"OPT_OUT->OPT_IN": 2}}
    world.seed([contact_of(1, **(left | {"channels": {"EMAIL": "OPT_OUT"}})), contact_of(2, **left)])
    outcomes = world.outcomes(approved(world, planned))
    assert [outcomes[key_of(n)]["outcome"] for n in (1, 2)] == ["held", "updated"]
    assert [world.status(key_of(n)) for n in (1, 2)] == ["OPT_OUT", "OPT_IN"]


def test_a_run_whose_every_contact_was_held_is_not_reverted(world: World) -> None:
    """It went through its batches and sent nothing."""
    world.seed(contacts_of(1))
    mapping = world.mapping()
    mapping.write_text(mapping.read_text().replace("policy: {", "policy: {suppression: list.txt, "))
    (mapping.parent / "list.txt").write_text("# nobody yet\n")
    planned = world.plan(mapping, world.export([row_of(1, first_name="", points="")]))
    (mapping.parent / "list.txt").write_text("c0001@example.com\n")
    done = world.apply(planned.summary.run_id)
    assert done.summary.reasons == {"suppressed": 1}
    with pytest.raises(UsageError, match="has sent nothing"):
        revert(world, done)
