"""The commands of the chain: plan, apply, sync, resume and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import (
    AddressesOption,
    CanaryOption,
    ExportOption,
    ForceOption,
    FullOption,
    HomeOption,
    JsonOption,
    MappingArgument,
    MemoryOption,
    RunArgument,
    TimeLimitOption,
    carry_out,
)

if TYPE_CHECKING:
    from pipeline.carried_out import Result
    from pipeline.context import Context


def plan(
    mapping: MappingArgument,
    export: ExportOption,
    full: FullOption = False,
    memory: MemoryOption = None,
    time_limit: TimeLimitOption = None,
    home: HomeOption = None,
    show_addresses: AddressesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Plan everything but the writing: run folder, transitions with samples, guards, requests to come, plan hash."""
    from pipeline import run
    from pipeline.context import Request

    def planned(context: Context) -> Result:
        return run.plan(Request(mapping, export, full), context)

    carry_out(planned, home, as_json=as_json, show_addresses=show_addresses, memory=memory, time_limit=time_limit)


def apply(
    run_id: RunArgument,
    approve: Annotated[str | None, typer.Option("--approve", metavar="HASH", help="The hash of the plan.")] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="opt-outs", help="Send the opt-outs, and let the rest wait.")
    ] = None,
    canary: CanaryOption = None,
    time_limit: TimeLimitOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry out exactly the plan of a run; refuses if export, mapping or plan changed, or HASH is another's."""
    from pipeline import run
    from pipeline.model import Extent

    if only not in {None, Extent.OPT_OUTS}:
        raise typer.BadParameter("only opt-outs can go ahead: --only opt-outs", param_hint="--only")
    extent = Extent.OPT_OUTS if only else Extent.WHOLE

    def applied(context: Context) -> Result:
        return run.apply(run_id, context, approve=approve, extent=extent, first=canary)

    carry_out(applied, home, as_json=as_json, time_limit=time_limit)


def sync(
    mapping: MappingArgument,
    export: ExportOption,
    full: FullOption = False,
    force: ForceOption = False,
    memory: MemoryOption = None,
    canary: CanaryOption = None,
    time_limit: TimeLimitOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan, guards, apply, report: the nightly command. An export that was delivered already is left alone."""
    from pipeline import run
    from pipeline.context import Request

    def synced(context: Context) -> Result:
        return run.sync(Request(mapping, export, full, force, canary), context)

    carry_out(synced, home, as_json=as_json, memory=memory, time_limit=time_limit)


def resume(
    run_id: RunArgument,
    time_limit: TimeLimitOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on after a crash or an outage; what was in flight is read back before anything is sent again."""
    from pipeline import run

    carry_out(lambda context: run.resume(run_id, context), home, as_json=as_json, time_limit=time_limit)


def revert(
    run_id: RunArgument,
    time_limit: TimeLimitOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan what takes back the consents that a run changed, unless changed since; `apply` carries it out."""
    from pipeline import run

    carry_out(lambda context: run.revert(run_id, context), home, as_json=as_json, time_limit=time_limit)


def report(
    run_id: RunArgument,
    home: HomeOption = None,
    show_addresses: AddressesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the report again from the run folder."""
    from pipeline import run

    def rewrite(context: Context) -> Result:
        return run.report(run_id, context)

    carry_out(rewrite, home, as_json=as_json, show_addresses=show_addresses)
