"""What was told, as a chain on disk: every way of tampering with it is found and placed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from pipeline.context import Context
from pipeline.errors import StorageError, UsageError
from pipeline.evidence.chain import Chain, chain_name, heads_of
from pipeline.evidence.proving import Proved, prove
from pipeline.evidence.pseudonym import key_of, path_of
from pipeline.ledger.ledger import Ledger
from pipeline.settings import Settings
from pipeline.stages.blocks import BLOCK, BLOCK_HASH, HASH, SEQUENCE, row_hash
from pipeline.stages.evidence import TOLD

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.evidence.heads import Heads

NAME: Final = chain_name("acoustic_connect", "ds/1")
NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)


def answers(run: str, *records: int, **changes: Any) -> pl.DataFrame:
    """Rows of evidence, one for each record."""
    row: dict[str, Any] = dict.fromkeys(TOLD) | {
        "run": run, "target_key": "EMAIL", "before": "UNSET", "status": "OPT_IN", "outcome": "updated",
        "recorded_at": NOW,
    } | changes  # fmt: skip
    return pl.DataFrame([row | {"record": r, "subject": f"s{r}"} for r in records], schema=TOLD)


class Vault:
    """A home with a chain of three blocks: rows 1 to 3, 4 to 5, and 6 to 9."""

    def __init__(self, home: Path) -> None:
        self.home = home
        key_of(home, made=True)
        self.ledger = Ledger.at(home, None)
        self.heads = heads_of(home, self.ledger)
        self.chain = Chain(home, NAME)
        for run, records in (("r1", (1, 2, 3)), ("r2", (1, 2)), ("r3", (1, 2, 3, 4))):
            self.chain.append(answers(run, *records), self.heads)

    def prove(self) -> Proved:
        """The proof of the one chain."""
        [proved] = prove(Context(settings=Settings(), home=self.home)).chains
        return proved

    def rows(self) -> pl.DataFrame:
        """What is in the table."""
        return pl.read_delta(str(self.chain.path)).sort(SEQUENCE)

    def rewrite(self, rows: pl.DataFrame) -> None:
        """Another version of the table, as somebody with access to the folder writes it."""
        write_deltalake(str(self.chain.path), rows, mode="overwrite")

    def files(self) -> list[Path]:
        """The Parquet files by their first row."""
        found = [
            Path(str(self.chain.path)) / str(name) for name in pl.DataFrame(self.table().get_add_actions())["path"]
        ]
        return sorted(found, key=lambda file: int(str(pl.read_parquet(file)[SEQUENCE].min())))

    def table(self) -> DeltaTable:
        """The table."""
        return DeltaTable(str(self.chain.path))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A home with a chain."""
    return Vault(tmp_path / "home")


def places(proved: Proved) -> list[tuple[str, int | None, int | None]]:
    """Kind, block and sequence of each break."""
    return [(found.kind, found.block, found.sequence) for found in proved.breaks]


def test_a_chain_is_unbroken_and_its_numbers_have_no_gaps(vault: Vault) -> None:
    """Rows and blocks are counted from 1, and the head is the ledger's."""
    proved = vault.prove()
    assert (proved.rows, proved.blocks, proved.breaks) == (9, 3, ())
    assert vault.rows()[SEQUENCE].to_list() == list(range(1, 10))
    assert vault.rows()[BLOCK].to_list() == [1, 1, 1, 2, 2, 3, 3, 3, 3]
    known = vault.heads.of(NAME)
    assert known is not None
    assert (known.head.hash, known.promised) == (proved.head, None)


def test_an_answer_is_recorded_once_and_another_answer_again(vault: Vault) -> None:
    """Recording twice adds nothing; what was unknown and is settled later is a further row."""
    before = vault.table().version()
    assert vault.chain.append(answers("r3", 1, 2), vault.heads) == 0
    assert vault.table().version() == before
    unknown = {"outcome": "unknown", "reason": "not_confirmed"}
    assert vault.chain.append(answers("r4", 1, 2, **unknown), vault.heads) == 2
    assert vault.chain.append(answers("r4", 1, 2, **unknown), vault.heads) == 0
    assert vault.chain.append(answers("r4", 1, 2), vault.heads) == 2
    assert places(vault.prove()) == []


def set_at(rows: pl.DataFrame, sequence: int, column: str, value: Any) -> pl.DataFrame:
    """The rows with one cell changed."""
    here = pl.col(SEQUENCE) == sequence
    return rows.with_columns(
        pl.when(here).then(pl.lit(value)).otherwise(column).cast(rows.schema[column]).alias(column)
    )


@pytest.mark.parametrize("column", [c for c in TOLD if c not in ("consented_at", "recorded_at", "record")])
def test_a_changed_cell_of_any_column_is_found(vault: Vault, column: str) -> None:
    """Each column is under the row's hash, null or not."""
    vault.rewrite(set_at(vault.rows(), 5, column, "forged"))
    assert places(vault.prove()) == [("changed", 2, 5)]


@pytest.mark.parametrize(("column", "value"), [("consented_at", NOW), ("recorded_at", None), ("record", 77)])
def test_a_changed_time_or_number_is_found(vault: Vault, column: str, value: Any) -> None:
    """So are times and numbers."""
    vault.rewrite(set_at(vault.rows(), 5, column, value))
    assert places(vault.prove()) == [("changed", 2, 5)]


@pytest.mark.parametrize("column", [SEQUENCE, BLOCK, HASH, BLOCK_HASH])
@pytest.mark.parametrize("all_rows", [False, True])
def test_a_number_or_hash_that_was_taken_away_is_found(vault: Vault, column: str, *, all_rows: bool) -> None:
    """Of a row, or of all of them."""
    taken = (pl.col(SEQUENCE) == 5) | all_rows
    vault.rewrite(vault.rows().with_columns(pl.when(~taken).then(column).alias(column)))
    assert vault.prove().breaks != ()


def test_a_changed_row_with_a_hash_made_anew_is_found_in_its_block(vault: Vault) -> None:
    """The block's hash no longer fits its rows."""
    forged = set_at(vault.rows(), 5, "status", "OPT_OUT")
    vault.rewrite(forged.with_columns(row_hash().alias(HASH)))
    assert places(vault.prove()) == [("block", 2, None)]


def test_a_block_with_a_hash_made_anew_is_found_by_the_next(vault: Vault) -> None:
    """The next block does not follow it; of the last one, the ledger knows better."""
    here = pl.col(BLOCK) == 2
    vault.rewrite(
        vault.rows().with_columns(pl.when(here).then(pl.lit("f" * 64)).otherwise(BLOCK_HASH).alias(BLOCK_HASH))
    )
    assert [(kind, block) for kind, block, _ in places(vault.prove())] == [("block", 2), ("block", 3)]


def test_a_removed_row_is_found(vault: Vault) -> None:
    """In the middle its number is missing, and its block is not whole."""
    vault.table().delete(f"{SEQUENCE} = 7")
    assert places(vault.prove()) == [("missing", 3, 7), ("block", 3, None)]


def test_a_removed_row_with_the_rest_renumbered_is_found(vault: Vault) -> None:
    """Other numbers are other hashes."""
    rows = vault.rows().filter(pl.col(SEQUENCE) != 7)
    later = pl.col(SEQUENCE) > 7
    vault.rewrite(rows.with_columns(pl.when(later).then(pl.col(SEQUENCE) - 1).otherwise(SEQUENCE).alias(SEQUENCE)))
    assert ("changed", 3, 7) in places(vault.prove())


@pytest.mark.parametrize("sealed", [False, True], ids=["as it is", "with a hash of its own"])
def test_an_inserted_row_is_found(vault: Vault, *, sealed: bool) -> None:
    """A row under a number that is taken; with a proper hash it still does not fit its block."""
    forged = set_at(vault.rows().filter(pl.col(SEQUENCE) == 5), 5, "status", "OPT_OUT")
    forged = forged.with_columns(row_hash().alias(HASH)) if sealed else forged
    write_deltalake(str(vault.chain.path), forged, mode="append")
    found = places(vault.prove())
    assert ("inserted", 2, 5) in found
    assert ("block", 2, None) in found
    assert (("changed", 2, 5) in found) is not sealed


def test_an_appended_block_that_the_ledger_does_not_know_is_found(vault: Vault) -> None:
    """However well it is made."""
    known = vault.heads.of(NAME)
    assert known is not None
    vault.chain.append(answers("r9", 1), vault.heads)
    vault.heads.settle(NAME, known.head)
    assert places(vault.prove()) == [("end", 4, 10)]


@pytest.mark.parametrize("renumbered", [False, True])
def test_rows_in_another_order_are_found(vault: Vault, *, renumbered: bool) -> None:
    """In the file, or under each other's numbers."""
    rows = vault.rows()
    if renumbered:
        swapped = pl.col(SEQUENCE).replace({7: 8, 8: 7})
        vault.rewrite(rows.with_columns(swapped).sort(SEQUENCE))
        assert places(vault.prove())[:2] == [("changed", 3, 7), ("changed", 3, 8)]
    else:
        first, *_ = vault.files()
        pl.read_parquet(first).reverse().write_parquet(first)
        assert ("order", 1, 2) in places(vault.prove())


def test_swapped_rows_with_hashes_made_anew_are_found(vault: Vault) -> None:
    """The block knows the order of its rows."""
    rows = vault.rows().with_columns(pl.col(SEQUENCE).replace({7: 8, 8: 7})).sort(SEQUENCE)
    vault.rewrite(rows.with_columns(row_hash().alias(HASH)))
    assert places(vault.prove()) == [("block", 3, None)]


@pytest.mark.parametrize("renumbered", [False, True])
def test_a_removed_block_is_found(vault: Vault, *, renumbered: bool) -> None:
    """By its number; and where the rest was numbered again and hashed again, by the block that follows nothing."""
    rows = vault.rows().filter(pl.col(BLOCK) != 2)
    if not renumbered:
        vault.table().delete(f"{BLOCK} = 2")
        assert places(vault.prove()) == [("missing", 3, 4), ("missing", 2, None)]
        return
    late = pl.col(BLOCK) == 3
    rows = rows.with_columns(
        pl.when(late).then(pl.col(SEQUENCE) - 2).otherwise(SEQUENCE).alias(SEQUENCE),
        pl.when(late).then(2).otherwise(BLOCK).cast(pl.Int64).alias(BLOCK),
    )
    vault.rewrite(rows.with_columns(row_hash().alias(HASH)))
    assert ("block", 2, None) in places(vault.prove())


def cut_by_delete(vault: Vault) -> None:
    vault.table().delete(f"{BLOCK} = 3")


def cut_within_a_block(vault: Vault) -> None:
    vault.table().delete(f"{SEQUENCE} = 9")


def cut_by_an_old_version(vault: Vault) -> None:
    vault.table().restore(1)


def cut_by_the_log(vault: Vault) -> None:
    (Path(str(vault.chain.path)) / "_delta_log" / "00000000000000000002.json").unlink()


def cut_whole(vault: Vault) -> None:
    shutil.rmtree(str(vault.chain.path))


CUTS: Final[dict[str, tuple[Callable[[Vault], None], int, int]]] = {
    "a block": (cut_by_delete, 2, 5),
    "an old version": (cut_by_an_old_version, 2, 5),
    "a commit": (cut_by_the_log, 2, 5),
    "everything": (cut_whole, 0, 0),
}


@pytest.mark.parametrize("cut", CUTS)
def test_an_end_that_was_cut_off_is_found(vault: Vault, cut: str) -> None:
    """The ledger knows where the chain ended."""
    by, block, sequence = CUTS[cut]
    by(vault)
    assert places(vault.prove()) == [("end", block, sequence)]


def test_a_last_row_that_was_cut_off_is_found(vault: Vault) -> None:
    """The last block is not whole, and the ledger counts more rows."""
    cut_within_a_block(vault)
    assert places(vault.prove()) == [("block", 3, None), ("end", 3, 8)]


def test_a_chain_that_was_cut_off_stays_broken_when_it_goes_on(vault: Vault) -> None:
    """It goes on after the ledger's end, so nothing closes the gap; what is told since is recorded all the same."""
    cut_by_delete(vault)
    vault.chain.append(answers("r4", 1, 2), vault.heads)
    assert vault.rows()[SEQUENCE].to_list() == [1, 2, 3, 4, 5, 10, 11]
    assert places(vault.prove()) == [("missing", 4, 6), ("missing", 3, None)]


@pytest.mark.parametrize("damage", ["removed", "overwritten"])
def test_a_file_that_is_gone_or_unreadable_is_found_and_placed(vault: Vault, damage: str) -> None:
    """The log says which rows it held; the other blocks are still looked at."""
    _, second, _ = vault.files()
    if damage == "removed":
        second.unlink()
    else:
        second.write_bytes(b"no parquet")
    assert places(vault.prove())[0] == ("unreadable", 2, 4)
    assert ("missing", 2, None) in places(vault.prove())


def test_another_column_is_found(vault: Vault) -> None:
    """What no hash covers is not evidence."""
    write_deltalake(
        str(vault.chain.path), vault.rows().with_columns(note=pl.lit("x")), mode="overwrite", schema_mode="overwrite"
    )
    assert places(vault.prove()) == [("changed", None, None)]


def test_a_ledger_that_lost_the_chain_is_found(vault: Vault) -> None:
    """Without its end nobody can say whether something was cut off."""
    vault.ledger.close()
    (vault.home / "ledger.db").unlink()
    assert places(vault.prove()) == [("end", 3, 9)]


class Stopped(Exception):
    """The process ended here."""


class Dying:
    """Heads in a ledger that the process does not reach a second time."""

    def __init__(self, heads: Heads, *, before: bool) -> None:
        self.heads, self.before = heads, before

    def of(self, chain: str) -> Any:
        return self.heads.of(chain)

    def promise(self, *facts: Any) -> None:
        self.heads.promise(*facts)
        if self.before:
            raise Stopped

    def settle(self, *_: Any) -> None:
        raise Stopped


@pytest.mark.parametrize("before", [True, False], ids=["before the rows were written", "before the ledger knew"])
def test_a_crash_while_recording_is_no_tampering_and_heals(vault: Vault, *, before: bool) -> None:
    """The chain ends where the ledger says or with the block that it was promised; recording again adds it once."""
    dying: Any = Dying(vault.heads, before=before)
    with pytest.raises(Stopped):
        vault.chain.append(answers("r4", 1, 2), dying)
    proved = vault.prove()
    assert (proved.rows, proved.breaks) == (9 if before else 11, ())
    assert vault.chain.append(answers("r4", 1, 2), vault.heads) == (2 if before else 0)
    known = vault.heads.of(NAME)
    assert known is not None
    assert (known.head.rows, known.promised) == (11, None)
    assert vault.chain.append(answers("r5", 1), vault.heads) == 1
    assert (vault.prove().rows, places(vault.prove())) == (12, [])


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_hides_no_cut(vault: Vault, *, before: bool) -> None:
    """What was certain before the crash is missed as ever."""
    dying: Any = Dying(vault.heads, before=before)
    with pytest.raises(Stopped):
        vault.chain.append(answers("r4", 1, 2), dying)
    vault.table().restore(1)
    assert places(vault.prove()) == [("end", 2, 5)]


def test_two_homes_with_one_ledger_have_chains_of_their_own(tmp_path: Path) -> None:
    """Machines may share a database: their chains do not meet in it."""
    one, other = tmp_path / "one", tmp_path / "other"
    ledger = Ledger(f"sqlite:///{tmp_path / 'shared.db'}")
    for home in (one, other):
        key_of(home, made=True)
        Chain(home, NAME).append(answers("r1", 1), heads_of(home, ledger))
    for home in (one, other):
        known = heads_of(home, ledger).of(NAME)
        assert known is not None
        assert known.head.rows == 1
    ledger.close()


def test_a_lost_key_is_not_made_again(vault: Vault) -> None:
    """Under another key nobody would be found again."""
    path_of(vault.home).unlink()
    with pytest.raises(StorageError, match="put it back"):
        key_of(vault.home, made=True)
    with pytest.raises(StorageError, match="put it back"):
        vault.prove()


def test_without_evidence_there_is_nothing_to_prove(tmp_path: Path) -> None:
    """A home in which nothing was sent says so."""
    with pytest.raises(UsageError, match="no evidence"):
        prove(Context(settings=Settings(), home=tmp_path))
