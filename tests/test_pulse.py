"""Who of an orchestrator's runs is alive."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import pulse

if TYPE_CHECKING:
    from pipeline.pulse import Beat

DYING = """
import os, signal, sys
from pathlib import Path
from pipeline import pulse
with pulse.beating(Path(sys.argv[1]), "F-1", 2) as alive:
    alive.carries_out("R-1")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def found(home: Path) -> list[Beat]:
    """The runs that nobody carries out any more."""
    return list(pulse.stopped(home))


def test_a_run_that_works_is_alive(tmp_path: Path) -> None:
    """As long as the block lasts, and in planning already."""
    with pulse.beating(tmp_path, "F-1"):
        assert found(tmp_path) == []


def test_a_killed_run_is_found_with_what_it_carried_out(tmp_path: Path) -> None:
    """The kernel drops the lock with the process; the file says which run and which attempt it was."""
    ended = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", DYING, str(tmp_path)], cwd=Path(__file__).parents[1], check=False
    )
    assert ended.returncode < 0
    [beat] = found(tmp_path)
    assert (beat.name, beat.attempt, beat.run_id, beat.ended) == ("F-1", 2, "R-1", False)
    with pulse.beating(tmp_path, "F-1", 3) as again:
        assert again.interrupted == "R-1"
        pulse.clear(tmp_path, datetime.now(UTC) + timedelta(days=1))
        assert (tmp_path / pulse.FOLDER / "F-1.json").exists(), "it is alive"
        again.ended()
    with pulse.beating(tmp_path, "F-1", 4) as more:
        assert more.interrupted is None
    pulse.clear(tmp_path, datetime.now(UTC) + timedelta(days=1))
    assert list((tmp_path / pulse.FOLDER).iterdir()) == []


def test_a_run_that_ended_has_the_time_to_say_so(tmp_path: Path) -> None:
    """Its process is still there, and is about to tell the orchestrator; when it is gone, somebody else must."""
    with pulse.beating(tmp_path, "F-1") as alive:
        alive.ended()
    assert found(tmp_path) == []
    [path] = (tmp_path / pulse.FOLDER).iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1}))
    assert [beat.ended for beat in found(tmp_path)] == [True]


def test_a_run_of_another_machine_is_not_judged(tmp_path: Path) -> None:
    """A folder that several machines share says nothing of processes elsewhere."""
    with pulse.beating(tmp_path, "F-1"):
        pass
    [path] = (tmp_path / pulse.FOLDER).iterdir()
    assert len(found(tmp_path)) == 1
    path.write_text(json.dumps(json.loads(path.read_text()) | {"host": "elsewhere"}))
    assert found(tmp_path) == []


def test_a_run_that_goes_on_in_another_process_leaves_nothing(tmp_path: Path) -> None:
    """The orchestrator raises a signal of its own to end this process; an error is none."""
    with pytest.raises(KeyboardInterrupt), pulse.beating(tmp_path, "F-1"):
        raise KeyboardInterrupt
    assert found(tmp_path) == []
    with pytest.raises(ValueError, match="wrong"), pulse.beating(tmp_path, "F-1"):
        raise ValueError("wrong")
    assert len(found(tmp_path)) == 1
