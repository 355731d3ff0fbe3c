"""The actions on batches, and the carrying out of their jobs as time goes on (section 1.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.sandbox.ivvy.actions import perform
from pipeline.sandbox.ivvy.batches import Batch, Job, ordered
from pipeline.sandbox.ivvy.context import Context
from pipeline.sandbox.ivvy.parameters import items, refuse_unknown, required, text
from pipeline.sandbox.ivvy.refusals import Code, RefusedError, UnsuccessfulError
from pipeline.sandbox.vendor import Call, Exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from pipeline.sandbox.ivvy.actions import Action
    from pipeline.sandbox.ivvy.parameters import Params
    from pipeline.sandbox.ivvy.settings import Settings
    from pipeline.sandbox.ivvy.store import Store

_DAY_SECONDS: Final = 86_400


def advance(store: Store, settings: Settings, now: float) -> frozenset[str]:
    """Carry out every job whose time has come, over all batches in the order of those times.

    Returns the ids of the batches that wrote something. Batches whose results have expired are forgotten.
    """
    store.batches.forget(now - settings.results_days * _DAY_SECONDS)
    batches = store.batches.due(now)
    due = sorted((moment, age) for age, batch in enumerate(batches) for moment in batch.moments() if moment <= now)
    wrote = set[str]()
    for moment, age in due:
        batch = batches[age]
        position = batch.order[len(batch.responses)]
        exchange = Exchange(Call("", ""), batch.poison, batch.lag_seconds)
        context = Context(store, settings, exchange, moment, in_batch=True)
        batch.answered(position, _response(context, batch.jobs[position]), moment)
        if exchange.write_applied:
            wrote.add(batch.async_id)
    for batch in batches:
        store.batches.put(batch)
    return frozenset(wrote)


def run(context: Context, params: Params) -> JsonValue:
    """Accept a batch. `callbackUrl` is accepted and ignored: nothing is posted, results are fetched.

    `write_applied` of the exchange tells of the jobs that took effect before the answer; where the settings make a
    batch take its time, the others take effect later.
    """
    settings = context.settings
    refuse_unknown(params, {"jobs", "callbackUrl"}, settings)
    if settings.callback_required:
        required(params, "callbackUrl")
    if settings.batch_not_saved:
        raise RefusedError(400, Code.BATCH_NOT_SAVED, "Batch not saved")
    jobs = _jobs(params, settings)
    batch = Batch(
        jobs=jobs,
        order=ordered(len(jobs), settings.batch_execution),
        began_at=context.now + settings.batch_queue_seconds,
        seconds=settings.batch_seconds,
        stall_after=settings.batch_stall_after,
        poison=dict(context.exchange.poison),
        lag_seconds=context.exchange.lag_seconds,
    )
    context.store.batches.put(batch)
    context.exchange.write_applied = batch.async_id in advance(context.store, settings, context.now)
    return {"asyncId": batch.async_id}


def progress(context: Context, params: Params) -> JsonValue:
    """Percent of the jobs that have been carried out."""
    step = context.settings.batch_progress_step
    percent = _found(context, params, Code.BATCH_NOT_FOUND).progress
    return {"progress": percent // step * step if step and percent < 100 else percent}


def results(context: Context, params: Params) -> JsonValue:
    """What became of each job; refused until all are done, and gone after two days."""
    settings = context.settings
    batch = _found(context, params, Code.BATCH_RESULTS_NOT_FOUND)
    if batch.finished_at is None:
        raise RefusedError(400, Code.BATCH_NOT_COMPLETED, "Batch job not completed")
    listed: list[JsonValue] = []
    for position in ordered(len(batch.jobs), settings.batch_results_order):
        job = batch.jobs[position]
        called: dict[str, JsonValue] = {"namespace": job.namespace, "action": job.action, "request": job.params}
        listed.append({**called, "response": batch.responses[position]})
    kept = max(0, len(listed) - settings.batch_drop_results)
    return {"asyncId": batch.async_id, "results": listed[:kept]}


def restart(context: Context, params: Params) -> JsonValue:
    """Let a batch that has stopped go on; false for one that has not."""
    batch = _found(context, params, Code.BATCH_NOT_FOUND)
    restarted = batch.restart(context.now)
    if restarted:
        context.store.batches.put(batch)
        context.exchange.write_applied = batch.async_id in advance(context.store, context.settings, context.now)
    return {"restarted": restarted}


def repost(context: Context, params: Params) -> JsonValue:
    """Promises another callback for a batch that is done, and makes none."""
    return {"reposted": _found(context, params, Code.BATCH_NOT_FOUND).finished_at is not None}


ACTIONS: Final[Mapping[str, Action]] = {
    "run": run,
    "progress": progress,
    "results": results,
    "restart": restart,
    "repost": repost,
}


def _jobs(params: Params, settings: Settings) -> list[Job]:
    given = params.get("jobs")
    if given == []:
        raise RefusedError(400, Code.BATCH_JOB_EMPTY, "Job parameter is empty")
    if isinstance(given, list) and len(given) > settings.batch_max_jobs:
        raise RefusedError(400, Code.BATCH_TOO_LARGE, "Too many jobs")
    return items(required(params, "jobs"), "jobs", lambda value, _name: _job(value))


def _job(value: JsonValue) -> Job:
    """A job that can be tried; whether its action exists shows when it is carried out."""
    fields = value if isinstance(value, dict) else {}
    namespace, action, params = fields.get("namespace"), fields.get("action"), fields.get("params", {})
    if "" in (namespace, action):
        raise RefusedError(400, Code.BATCH_JOB_EMPTY, "Job parameter is empty")
    if not (isinstance(namespace, str) and isinstance(action, str) and isinstance(params, dict)):
        raise RefusedError(400, Code.BATCH_JOB_FORMAT, "Incorrect job format")
    if namespace == "batch":
        raise RefusedError(400, Code.BATCH_JOB_FORMAT, "Incorrect job format", ("A batch cannot hold batches",))
    return Job(namespace=namespace, action=action, params=params)


def _response(context: Context, job: Job) -> JsonValue:
    try:
        return perform(context, job)
    except UnsuccessfulError as failure:
        return failure.document
    except RefusedError as refusal:
        if context.settings.batch_failed_job == "success_false":
            return UnsuccessfulError(refusal.message).document
        return refusal.document


def _found(context: Context, params: Params, not_found: Code) -> Batch:
    refuse_unknown(params, {"async"}, context.settings)
    async_id = text(required(params, "async"), "async", context.settings)
    batch = context.store.batches.find(async_id)
    if batch is None:
        raise RefusedError(context.settings.not_found_status, not_found, "Batch not found")
    return batch
