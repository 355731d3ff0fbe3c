"""What of a plan may be carried out: tripped guards, the hash that lets them pass, and opt-outs ahead of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.errors import GuardTripped, RunFolderError
from pipeline.model import Extent
from pipeline.planning.guard_figure import said
from pipeline.reporting.advice import command
from pipeline.stages.guard import OF_THE_REST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.planning.guard_figure import GuardFigure
    from pipeline.run_folder import Manifest, RunFolder

SHORTEST_APPROVAL: Final = 12


def tripped(manifest: Manifest, extent: Extent) -> Sequence[GuardFigure]:
    """The guards that hold so much of the plan back: the opt-outs wait for none that looks at opt-ins or rejects."""
    if extent is Extent.WHOLE:
        return manifest.tripped
    return [guard for guard in manifest.tripped if guard.name not in OF_THE_REST]


def stopped_by_guards(folder: RunFolder, manifest: Manifest, extent: Extent = Extent.WHOLE) -> GuardTripped | None:
    """What stops the plan before its first request, with the commands that let it pass; None: nothing does."""
    guards = tripped(manifest, extent)
    if not guards:
        return None
    more = ("--only", str(extent)) if extent is Extent.OPT_OUTS else ()
    return GuardTripped(
        f"stopped by its guards, nothing was sent: {said(guards)}. Look at the plan; if it is right, "
        f"`{approving(folder, manifest, *more)}` carries it out{_ahead(folder, manifest)}"
    )


def rest_waits(folder: RunFolder, manifest: Manifest) -> GuardTripped | None:
    """What holds back all but the opt-outs, when these went; None: nobody has to approve it."""
    if not manifest.tripped:
        return None
    return GuardTripped(
        f"the opt-outs of run {manifest.run_id} went, and nothing else was sent{_but_for(manifest)}, since its guards "
        f"hold back the rest: {said(manifest.tripped)}. Look at the plan; if it is right, "
        f"`{approving(folder, manifest)}` carries out the rest"
    )


def _but_for(manifest: Manifest) -> str:
    """Whose opt-out waits with the rest, because the same contact also permits something."""
    if not manifest.mixed:
        return ""
    return f" ({manifest.mixed:,} contacts who opt out of one thing and not of another wait with it)"


def approving(folder: RunFolder, manifest: Manifest, *more: str) -> str:
    """The command that approves the plan."""
    words = ("apply", manifest.run_id, *more, "--approve", manifest.plan_hash[:SHORTEST_APPROVAL])
    return command(str(folder.path), *words)


def _ahead(folder: RunFolder, manifest: Manifest) -> str:
    if not manifest.ahead or tripped(manifest, Extent.OPT_OUTS):
        return ""
    only = command(str(folder.path), "apply", manifest.run_id, "--only", Extent.OPT_OUTS)
    return f"; `{only}` sends its opt-outs meanwhile, and lets the rest wait"


def require_approval(folder: RunFolder, manifest: Manifest, approve: str | None, extent: Extent) -> None:
    """Raises RunFolderError for another plan's hash, GuardTripped where a tripped guard has no approval."""
    if extent is Extent.OPT_OUTS and not manifest.ahead:
        raise RunFolderError(
            f"the plan of run {manifest.run_id} has no contact of which it does nothing but opt out, so nothing can go "
            "ahead; nothing was sent; apply the plan as a whole"
        )
    if approve is None:
        if (error := stopped_by_guards(folder, manifest, extent)) is not None:
            raise error
        return
    if len(approve) < SHORTEST_APPROVAL or not manifest.plan_hash.startswith(approve.lower()):
        raise RunFolderError(
            f"the plan of run {manifest.run_id} has the hash {manifest.plan_hash[:SHORTEST_APPROVAL]}, not "
            f"{approve[:SHORTEST_APPROVAL]}; nothing was sent; look at the plan again and approve its own hash"
        )


def require_extent(manifest: Manifest, extent: Extent, permitted: Extent | None) -> None:
    """Raises RunFolderError where a run that has begun with all of its plan is asked for its opt-outs alone."""
    if extent is Extent.OPT_OUTS and permitted is not Extent.OPT_OUTS:
        raise RunFolderError(
            f"run {manifest.run_id} has begun to send all of its plan, so its opt-outs cannot go by themselves; "
            f"`consent-sync resume {manifest.run_id}` goes on"
        )
