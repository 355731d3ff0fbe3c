"""One writer per destination and account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import lock
from pipeline.errors import DestinationBusy

if TYPE_CHECKING:
    from pathlib import Path


def test_the_holder_is_named(tmp_path: Path) -> None:
    """A second holder is refused with the run that holds; afterwards the destination is free."""
    with lock.holding(tmp_path, "acoustic_connect", "a/b") as held:
        held.name("20260101T000000-m")
        with (
            pytest.raises(DestinationBusy, match="20260101T000000-m") as raised,
            lock.holding(tmp_path, "acoustic_connect", "a/b"),
        ):
            pass
        assert raised.value.exit_code == 6
    with lock.holding(tmp_path, "acoustic_connect", "a/b"):
        pass


def test_a_run_of_the_past_is_not_named(tmp_path: Path) -> None:
    """While the holder has no name yet, the previous holder's is not told."""
    with lock.holding(tmp_path, "acoustic_connect", "a") as held:
        held.name("20260101T000000-old")
    with (
        lock.holding(tmp_path, "acoustic_connect", "a"),
        pytest.raises(DestinationBusy, match="being planned") as raised,
        lock.holding(tmp_path, "acoustic_connect", "a"),
    ):
        pass
    assert "old" not in str(raised.value)


def test_other_accounts_are_not_held(tmp_path: Path) -> None:
    """Each destination and account has a lock of its own."""
    with lock.holding(tmp_path, "acoustic_connect", "a"), lock.holding(tmp_path, "acoustic_connect", "b"):
        pass


def test_a_lock_that_says_nothing_usable_is_still_a_lock(tmp_path: Path) -> None:
    """What the file says is for the message only."""
    with lock.holding(tmp_path, "acoustic_connect", "a") as held:
        held.file.seek(0)
        held.file.truncate()
        held.file.write("[1]")
        held.file.flush()
        with pytest.raises(DestinationBusy, match="another run"), lock.holding(tmp_path, "acoustic_connect", "a"):
            pass
