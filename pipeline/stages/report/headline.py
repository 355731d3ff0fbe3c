"""The sentence at the top of the page, what qualifies it, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from pipeline.figures import counted
from pipeline.ledger.canaries import CanaryState
from pipeline.model import UNDELIVERED, Extent, RunStatus
from pipeline.reporting.advice import command
from pipeline.stages.guard import OF_THE_REST
from pipeline.stages.report.view import Step

if TYPE_CHECKING:
    from pipeline.reporting.summary import Summary
    from pipeline.run_folder import Manifest

NAMES: Final = {"ivvy": "iVvy"}
SHORT_HASH: Final = 12


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a run stands. `begun`: something of it was sent."""

    manifest: Manifest
    summary: Summary
    begun: bool
    rest_waits: bool = False
    """Whether the opt-outs went ahead by themselves, and the rest waits."""

    @property
    def waiting(self) -> bool:
        """Whether the guards hold the plan back until somebody approves it."""
        held_back = self.summary.status in {RunStatus.PLANNED, RunStatus.STOPPED}
        return held_back and bool(self.manifest.tripped) and not self.begun

    @property
    def differs(self) -> bool:
        """Whether a canary holds the rest back until somebody approves it."""
        canary = self.summary.canary
        stopped = self.summary.status is RunStatus.STOPPED
        return stopped and canary is not None and canary.state is CanaryState.DIFFERED

    @property
    def forecast(self) -> bool:
        """Whether all that can be shown is what the plan would do."""
        return self.waiting or self.summary.status is RunStatus.PLANNED

    @property
    def place(self) -> str:
        """The destination's name for people."""
        name = self.summary.destination
        return NAMES.get(name, name.replace("_", " ").title())

    @property
    def delivered(self) -> int:
        """Records that the destination has as the export says; each is one contact."""
        rows = self.summary.rows
        return rows.created + rows.updated + rows.unchanged

    @property
    def attention(self) -> int:
        """Records that somebody should look at."""
        return sum(getattr(self.summary.rows, outcome.value) for outcome in UNDELIVERED)

    def command(self, *words: str) -> str:
        """A command line to copy."""
        return command(self.summary.run_dir, *words)

    @property
    def approving(self) -> str:
        """The command that carries out the plan, or its rest."""
        needed = self.manifest.tripped or self.differs
        approval = ("--approve", self.manifest.plan_hash[:SHORT_HASH]) if needed else ()
        ahead = self.differs and self.summary.canary and self.summary.canary.extent is Extent.OPT_OUTS
        only = ("--only", Extent.OPT_OUTS) if ahead else ()
        return self.command("apply", self.summary.run_id, *only, *approval)


def headline(at: Situation) -> str:
    """What happened, in one sentence or two."""
    rows = at.summary.rows
    if not at.summary.balanced:
        return "The numbers of this run do not add up. Do not rely on it."
    if rows.read == 0:
        return "The export holds no records. Nothing was sent."
    if at.waiting:
        return (
            f"Nothing was sent. {counted(len(at.manifest.tripped), 'guard')} stopped the run: look at the plan first."
        )
    if at.summary.status is RunStatus.PLANNED:
        return f"Nothing was sent yet. {_would_be(at)} in {at.place}{_attention(at)}."
    match at.summary.status:
        case RunStatus.INTERRUPTED:
            begin, end = "The run was interrupted. So far, ", "."
        case RunStatus.STOPPED if at.differs and at.summary.canary:
            of = f"{at.summary.canary.differ:,} of {counted(at.summary.canary.sent, 'item')}"
            begin, end = f"Only the canary was sent, and {of} came out otherwise than planned. So far, ", "."
        case RunStatus.STOPPED if at.rest_waits:
            begin, end = "Only the opt-outs were sent, the rest waits. So far, ", "."
        case RunStatus.STOPPED:
            begin, end = f"{at.place} refused the run. So far, ", "."
        case _:
            begin, end = "", f"{_attention(at)}."
    said = f"{_is(at)} in {at.place}"
    return f"{begin}{said[0].lower() + said[1:] if begin else said}{end}"


def _is(at: Situation) -> str:
    of = counted(at.summary.rows.read, "record")
    if at.delivered == 0:
        return f"None of {of} is"
    if at.delivered == at.summary.rows.read:
        return f"All {of} are" if at.delivered > 1 else "The one record is"
    return f"{at.delivered:,} of {of} {'is' if at.delivered == 1 else 'are'}"


def _would_be(at: Situation) -> str:
    return _is(at).removesuffix(" is").removesuffix(" are") + " would be"


def _attention(at: Situation) -> str:
    return f"; {at.attention:,} {'needs' if at.attention == 1 else 'need'} attention" if at.attention else ""


def notes(at: Situation) -> tuple[str, ...]:
    """What qualifies the headline."""
    rows, summary = at.summary.rows, at.summary
    said = []
    if summary.status is RunStatus.PLANNED:
        said.append("This page shows what would happen if the destination accepts everything that is sent.")
    elif at.waiting and at.manifest.transitions:
        said.append("Consent changes below are those of the plan; no contact was changed.")
    if rows.superseded:
        said.append(
            f"{counted(rows.superseded, 'record')} repeated a contact and {'was' if rows.superseded == 1 else 'were'} "
            f"folded into another record of it; nothing {'of it' if rows.superseded == 1 else 'of them'} is lost."
        )
    if parts := sum(summary.withheld.values()):
        what = "an address, a value or a consent"
        said.append(
            f"{counted(parts, 'part')} of records ({what}) {'was' if parts == 1 else 'were'} withheld, see below."
        )
    said += summary.quarantine.lines()
    if at.rest_waits:
        said.append("Consent changes below are those that took effect; outcomes.csv has what waits as not_sent.")
        if at.manifest.mixed:
            whose = counted(at.manifest.mixed, "contact")
            said.append(f"{whose} who would opt out of one thing and not of another wait with the rest.")
    elif at.manifest.tripped and not at.waiting:
        names = counted(len(at.manifest.tripped), "guard")
        said.append(f"The plan was over the limit of {names} and was carried out because somebody approved it.")
    return tuple(said)


def next_steps(at: Situation) -> tuple[Step, ...]:
    """What to do, the most urgent first; empty where nothing is to be done."""
    run = at.summary.run_id
    if not at.summary.balanced:
        return (Step("Report this together with the run folder. Do not run anything again before it is understood."),)
    if at.waiting or at.rest_waits or at.differs:
        return _before_approval(at) if at.waiting else _before_the_rest(at)
    match at.summary.status:
        case RunStatus.PLANNED:
            carry_out = Step("If the plan is right, carry it out:", at.command("apply", run))
            return (carry_out if at.manifest.items else Step("Nothing: the plan has nothing to send."),)
        case RunStatus.STOPPED:
            correct = "Correct what the destination refuses, the key or the mapping: the command line said which."
            return Step(correct), Step("Go on where it stopped; nothing is sent twice:", at.command("resume", run))
        case RunStatus.INTERRUPTED:
            go_on = "Go on where it stopped, once the destination answers again; nothing is sent twice:"
            return (Step(go_on, at.command("resume", run)),)
        case _:
            return _corrections(at)


def _before_approval(at: Situation) -> tuple[Step, ...]:
    if at.summary.rows.read == 0:
        return (Step("Find out why the export is empty, and run it again when it is whole."),)
    look = "Look at the guards and the consent changes below. If they are wrong, correct the export or the mapping."
    if at.manifest.items == 0:
        return (Step(look),)
    ahead: tuple[Step, ...] = ()
    if at.manifest.ahead and all(guard.name in OF_THE_REST for guard in at.manifest.tripped):
        only = at.command("apply", at.summary.run_id, "--only", Extent.OPT_OUTS)
        ahead = (Step("The opt-outs need not wait for this. To send them, and nothing else:", only),)
    return Step(look), Step("If the plan is right, approve it:", at.approving), *ahead


def _before_the_rest(at: Situation) -> tuple[Step, ...]:
    if at.differs:
        look = "Look at the contacts of the canary at the destination: the command line named some of them."
        return Step(look), Step("If all is well, send the rest in spite of it:", at.approving)
    if not at.manifest.tripped:
        return (Step("Send the rest; nothing is sent twice:", at.approving),)
    look = (
        "Look at the guards and the consent changes of the plan. If they are wrong, correct the export or the mapping."
    )
    return Step(look), Step("If the plan is right, approve the rest; nothing is sent twice:", at.approving)


def _corrections(at: Situation) -> tuple[Step, ...]:
    """For a run that came to its end: what of it can be made good."""
    rows, steps = at.summary.rows, []
    if rows.unknown:
        text = f"Settle {counted(rows.unknown, 'record')} whose outcome is not known:"
        steps.append(Step(text, at.command("resume", at.summary.run_id)))
    for name, wanted, why in (
        ("rejects.csv", at.attention - rows.unknown, "that were not delivered"),
        (
            "withheld.csv",
            sum(at.summary.withheld.values()) if at.delivered else 0,
            "that were delivered without some of their parts",
        ),
    ):
        if wanted:
            if at.manifest.reverts:
                steps.append(
                    Step(f"{name} has the contacts {why}, each with its reason and with what was there before.")
                )
                continue
            file = str(PurePath(at.summary.run_dir) / name)
            again = at.command("sync", at.manifest.mapping, "--export", file)
            steps.append(Step(f"{name} has the records {why}, each with its reason. Correct it and run it:", again))
    return tuple(steps)
