"""The run folder: names, whole files, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import RunFolderError, StorageError
from pipeline.run_folder import RunFolder, load_json

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_runs_of_one_second_get_names_of_their_own(tmp_path: Path) -> None:
    """A folder is never shared, however fast runs follow each other."""
    names = [RunFolder.create(tmp_path, "m", NOW).run_id for _ in range(12)]
    assert len(set(names)) == 12
    assert names[0] == "20260102T030405-m"


def test_a_run_is_found_by_id_by_folder_and_as_the_latest(tmp_path: Path) -> None:
    """Only folders with a manifest are runs."""
    first = RunFolder.create(tmp_path, "m", NOW)
    second = RunFolder.create(tmp_path, "m", NOW.replace(second=6))
    RunFolder.create(tmp_path, "m", NOW.replace(second=7))
    for folder in (first, second):
        folder.write_text("manifest.json", "{}")
    assert RunFolder.open(tmp_path, first.run_id).path == first.path
    assert RunFolder.open(tmp_path, str(second.path)).path == second.path
    assert RunFolder.open(tmp_path, "latest").path == second.path
    for wrong in ("", ".", "..", "nothing", "20260102T030407-m"):
        with pytest.raises(RunFolderError, match="consent-sync runs"):
            RunFolder.open(tmp_path, wrong)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """No half-written file is ever under its own name, and nothing is left beside it."""
    folder = RunFolder.create(tmp_path, "m", NOW)
    folder.write_text("a.txt", "one")
    folder.write_text("a.txt", "two")
    assert [(p.name, p.read_text()) for p in folder.path.iterdir() if p.is_file()] == [("a.txt", "two")]


def test_what_stands_in_the_way_is_a_storage_error(tmp_path: Path) -> None:
    """A file where a folder is needed is told with the next step."""
    (tmp_path / "runs").write_text("")
    with pytest.raises(StorageError, match="--home"):
        RunFolder.create(tmp_path, "m", NOW)


def test_json_that_is_none_is_a_run_folder_error(tmp_path: Path) -> None:
    """A file of the run that cannot be read says to plan again."""
    (tmp_path / "header.json").write_bytes(b"\xff{")
    with pytest.raises(RunFolderError, match="plan the export again"):
        load_json(tmp_path / "header.json")
