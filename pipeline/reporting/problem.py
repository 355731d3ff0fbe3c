"""What stopped a run, for its summary."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from pipeline.model import RunStatus


class Problem(BaseModel):
    """What stopped a run: the exit code that it ends with, and a sentence for the operator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: int
    message: str


class Before(BaseModel):
    """What an earlier summary said of how the run ended."""

    status: RunStatus
    error: Problem | None = None
