"""Steps as tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prefect import flow

from flows.tasks import as_task, told
from pipeline import mapping_file
from pipeline.errors import MappingError, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.errors import ConsentSyncError


@pytest.mark.usefixtures("prefect_api")
def test_a_task_hands_on_what_its_step_returns() -> None:
    """The very object, which Prefect does not keep."""
    value = object()

    @flow(persist_result=False)
    def caller() -> bool:
        return as_task("a step", lambda: value) is value

    assert caller()


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize(
    ("error", "heard"),
    [(ValueError("planted.person@example.com"), "unexpected ValueError"), (Unreachable("no answer"), "no answer")],
)
def test_a_task_hands_on_what_its_step_raises(error: Exception, heard: str, caplog: pytest.LogCaptureFixture) -> None:
    """Prefect hears the sentence of an error of ours, and of any other not the text, which may quote a value."""

    def step() -> None:
        raise error

    @flow(persist_result=False)
    def caller() -> bool:
        with pytest.raises(type(error)) as caught:
            as_task("a step that fails", step)
        return caught.value is error

    assert caller()
    assert heard in caplog.text
    assert "planted" not in caplog.text


def test_an_unexpected_error_is_told_by_its_kind_and_our_line(tmp_path: Path) -> None:
    """Enough to find it; an error of ours is told as it is."""
    try:
        mapping_file.load(str(tmp_path))  # type: ignore[arg-type]
    except AttributeError as error:
        said: ConsentSyncError = told(error)
        assert str(said).startswith("unexpected AttributeError at pipeline/mapping_file.py:")
    ours = MappingError("unknown key", file="m.yaml", line=3)
    assert told(ours) is ours
