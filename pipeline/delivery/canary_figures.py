"""What became of the items that went first, in numbers and in a sentence."""

from __future__ import annotations

from typing import assert_never

from pydantic import BaseModel, ConfigDict, Field

from pipeline.figures import counted
from pipeline.ledger.canaries import CanaryState
from pipeline.model import Extent


class CanaryFigures(BaseModel):
    """What became of the items that went first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: int
    sent: int
    """Of so many items, those that the plan has and nothing held back."""
    read_back: int
    differ: int
    state: CanaryState = Field(default=CanaryState.ASKED, exclude=True)
    extent: Extent = Field(default=Extent.WHOLE, exclude=True)

    @property
    def said(self) -> str:
        """For the console, the report and Prefect."""
        sent = f"{counted(self.sent, 'item')} sent first, {self.read_back:,} read back"
        figures = f"{sent}, {self.differ:,} otherwise than planned"
        match self.state:
            case CanaryState.ASKED:
                return f"{counted(self.asked, 'item')} asked for, not judged yet"
            case CanaryState.AGREED:
                return f"{figures}; the rest followed"
            case CanaryState.DIFFERED:
                return f"{figures}; the rest was not sent"
            case CanaryState.WAIVED:
                return f"{figures}; the rest followed because somebody approved it"
            case _:
                assert_never(self.state)
