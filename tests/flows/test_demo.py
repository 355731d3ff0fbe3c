"""`python -m flows.demo`: its table, and a demonstration from beginning to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from flows.demo import DEMONSTRATIONS, PROJECT, command
from pipeline import mapping_file
from pipeline.destinations import DESTINATIONS

MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DEMONSTRATIONS)
def test_every_demonstration_is_of_files_that_fit_each_other(name: str) -> None:
    """The mapping is for the destination and names no pace, the export exists, and the seed is that destination's."""
    shown = DEMONSTRATIONS[name]
    mapping = mapping_file.load(shown.mapping).mapping

    assert mapping.destination == name
    assert mapping.delivery.requests_per_second is None
    assert shown.export.is_file()
    assert list(json.loads(shown.seed.read_bytes())) == [name]


def test_every_destination_is_shown() -> None:
    """Acoustic Connect comes first: its folder, which it empties, holds those of the others."""
    assert set(DEMONSTRATIONS) == set(DESTINATIONS)
    first, *others = [demonstration.folder for demonstration in DEMONSTRATIONS.values()]
    assert first == Path("demo")
    assert [folder.parent for folder in others] == [first] * len(others)
    assert len(set(others)) == len(others)


def test_the_sandbox_that_make_serves_has_every_sample() -> None:
    """`make sandbox` is given the seeds that the demonstrations have."""
    named = MAKEFILE.split("SEEDS := ")[1].splitlines()[0]
    assert named == f"$(patsubst %,sample_data/%.json,{' '.join(DEMONSTRATIONS)})"
    assert "$(SEEDS:%=--data %)" in MAKEFILE


def test_a_demonstration_accounts_for_every_record(tmp_path: Path, prefect_database: Path) -> None:
    """It ends with 0 although records were rejected, and says where its report is, in a folder of its own."""
    folder = tmp_path / "prefect"
    folder.mkdir()
    shutil.copy(prefect_database, folder / "prefect.db")
    ended = subprocess.run(
        [sys.executable, "-m", "flows.demo", "wix"],
        cwd=tmp_path,
        env=os.environ | {"CONSENT_SYNC_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].endswith("with the audience of wix.json; flow sync wix_subscribers.csv by wix to wix")
    assert lines[-1].startswith("every record has an outcome")
    (report,) = [line.removeprefix("report: ") for line in lines if line.startswith("report: ")]
    assert Path(report).is_file()
    assert Path(report).is_relative_to(tmp_path / "demo" / "wix" / "runs")


def test_a_demonstration_that_nobody_knows_is_refused() -> None:
    """The message lists those that there are, and nothing is begun."""
    with pytest.raises(typer.BadParameter, match=", ".join(DEMONSTRATIONS)):
        command(["wix", "nobody"])
