"""A guard with its figure, as the manifest keeps it and as plan, report and messages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from pipeline.stages.guard import FIRST_RUN, Unit, percent

if TYPE_CHECKING:
    from collections.abc import Iterable

TITLES: Final = {
    "reverted_opt_outs": "Opt-outs that a revert ends",
    "max_opt_out_share": "Opt-outs among known contacts",
    "max_opt_in_share": "Opt-ins among known contacts",
    "max_reject_share": "Rejected records",
    "max_opt_outs": "Number of opt-outs",
    "max_opt_ins": "Number of opt-ins",
    "row_count_change": "Change in the number of records",
    "empty_export": "Empty export",
    f"{FIRST_RUN}.max_rows": "Records of a first run",
    f"{FIRST_RUN}.max_opt_outs": "Opt-outs of a first run",
    f"{FIRST_RUN}.max_opt_ins": "Opt-ins of a first run",
}


class GuardFigure(BaseModel):
    """A guard with its figure. `figure` None: nothing to judge by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    limit: float
    figure: float | None
    says: str
    tripped: bool
    unit: Unit = Unit.SHARE

    @property
    def title(self) -> str:
        """What it looks at, for people."""
        return TITLES.get(self.name, self.name.replace("_", " "))

    @property
    def shown_figure(self) -> str:
        """The figure, a dash where there is none, or nothing where it is only yes or no."""
        return "-" if self.figure is None else self._shown(self.figure)

    @property
    def shown_limit(self) -> str:
        """The limit in the figure's unit."""
        return self._shown(self.limit)

    @property
    def verdict(self) -> str:
        """How the figure compares with the limit, in two words."""
        if self.figure is None:
            return "not judged"
        return "OVER THE LIMIT" if self.tripped else "within"

    @property
    def sentence(self) -> str:
        """What it found and what is allowed, for the operator who must decide."""
        if self.unit is Unit.YES_OR_NO:
            return self.says
        return f"{self.says}; at most {self.shown_limit} {'is' if self.unit is Unit.SHARE else 'are'} allowed"

    def _shown(self, number: float) -> str:
        match self.unit:
            case Unit.SHARE:
                return percent(number)
            case Unit.COUNT:
                return f"{number:,.0f}"
            case Unit.YES_OR_NO:
                return ""


def said(guards: Iterable[GuardFigure]) -> str:
    """Tripped guards in sentences, each with the name that the mapping has for it."""
    return "; ".join(f"{guard.sentence} ({guard.name})" for guard in guards if guard.tripped)
