"""Guards as an operator meets them: absolute numbers, first runs, exports that shrank, and rejects files run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.errors import GuardTripped
from tests.delivery.world import contact_of, contacts_of, row_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.world import World

pytest_plugins = ["tests.delivery.fixtures"]


def guarded(world: World, guards: str) -> Path:
    """A mapping with these guards and no others of its own."""
    mapping = world.mapping(batch_size=200)
    lines = [line for line in mapping.read_text().splitlines() if not line.startswith("guards:")]
    mapping.write_text("\n".join([*lines, f"guards: {guards}"]), encoding="utf-8")
    return mapping


NUMBERS = {
    "one opt-out too many": ("{max_opt_outs: 1}", "N", "2 contacts would be opted out, or restricted; at most 1"),
    "as many opt-outs as allowed": ("{max_opt_outs: 2}", "N", None),
    "one opt-in too many": ("{max_opt_ins: 1}", "Y", "2 contacts would be opted in; at most 1 are allowed"),
    "as many opt-ins as allowed": ("{max_opt_ins: 2}", "Y", None),
    "zero is a limit": ("{max_opt_ins: 0}", "Y", "at most 0 are allowed"),
    "null is none": ("{max_opt_outs: null}", "N", None),
    "too many records at first": ("{first_run: {max_rows: 1}}", "Y", "no run of this mapping has finished before"),
    "too many opt-outs at first": ("{first_run: {max_opt_outs: 1}}", "N", "first_run.max_opt_outs"),
    "too many opt-ins at first": ("{first_run: {max_opt_ins: 1}}", "Y", "first_run.max_opt_ins"),
    "few enough at first": ("{first_run: {max_rows: 2, max_opt_ins: 2}}", "Y", None),
}  # fmt: skip


@pytest.mark.parametrize(("guards", "word", "says"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_limits_however_few_contacts_there_are(
    world: World, guards: str, word: str, says: str | None
) -> None:
    """Two contacts whose status nobody knew are two opt-outs or opt-ins."""
    world.seed(contacts_of(2))
    result = world.sync(guarded(world, guards), world.export(rows_of(2, email_opt_in=word)))
    assert (result.exit_code, len(world.mutations())) == ((4, 0) if says else (0, 1))
    if says:
        assert isinstance(result.error, GuardTripped)
        assert says in str(result.error)


def test_limits_of_a_first_run_end_with_it(world: World) -> None:
    """Once a run has finished, the usual number of records is what the next is compared with."""
    world.seed(contacts_of(4))
    mapping = guarded(world, "{first_run: {max_rows: 2}}")
    assert world.sync(mapping, world.export(rows_of(3))).exit_code == 4
    assert world.sync(mapping, world.export(rows_of(2))).exit_code == 0
    assert world.sync(mapping, world.export(rows_of(4))).exit_code == 0


def test_an_export_that_shrank_stops_and_says_so_in_words(world: World) -> None:
    """A file that was cut short is noticed before anything is sent."""
    world.seed(contacts_of(120))
    mapping = guarded(world, "{max_opt_in_share: 1}")
    assert world.sync(mapping, world.export(rows_of(120))).exit_code == 0
    sent = len(world.mutations())
    cut = world.sync(mapping, world.export(rows_of(60, first_name="New")))
    assert (cut.exit_code, len(world.mutations())) == (4, sent)
    assert "60 records, usually 120: 50 % fewer; at most 30 % is allowed" in str(cut.error)


def test_a_corrected_rejects_file_trips_no_guard_and_is_no_history(world: World) -> None:
    """It may be small and be rejected again in part, and the next full export is compared with full ones."""
    world.seed(contacts_of(150))
    mapping = guarded(world, "{max_reject_share: 0.2, row_count_change: 0.3}")
    rows = [row_of(n, contact_id="" if n <= 10 else f"C-{n:04d}") for n in range(1, 151)]
    first = world.sync(mapping, world.export(rows))
    rejects = world.folder(first) / "rejects.csv"
    lines = rejects.read_text("utf-8").splitlines()
    # Four of the ten are corrected.
    rejects.write_text("\n".join([lines[0], *(f"C-{n:04d}{lines[n]}" for n in range(1, 5)), *lines[5:]]), "utf-8")
    again = world.sync(mapping, rejects)
    assert (again.error, again.summary.rows.updated, again.summary.rows.rejected) == (None, 4, 6)
    says = {guard.name: guard.says for guard in again.summary.guards if guard.figure is None}
    assert says["row_count_change"] == "10 records of a rejects file, not compared with the usual number"
    whole = world.sync(mapping, world.export(rows_of(150)))
    assert whole.error is None
    assert "150 records, usually 150: no change" in [guard.says for guard in whole.summary.guards]


def test_a_rejects_file_is_guarded_against_opt_outs_all_the_same(world: World) -> None:
    """Consents are guarded wherever they come from."""
    world.seed([contact_of(n, channels={"EMAIL": "OPT_IN"}) for n in range(1, 4)])
    mapping = guarded(world, "{max_opt_outs: 1}")
    more = {"_record": "1", "_outcome": "rejected", "_reason": "identity_missing", "_message": ""}
    rows = [row_of(n, email_opt_in="N") | more for n in range(1, 4)]
    path = world.path / "rejects.csv"
    path.write_text("\n".join(",".join(line) for line in [rows[0], *(row.values() for row in rows)]), "utf-8")
    assert world.sync(mapping, path).exit_code == 4
