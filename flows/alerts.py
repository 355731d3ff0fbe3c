"""Alerts as Prefect events, `consent-sync.ALERT`, and an automation that sends them on through a block."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prefect.events import emit_event

from flows import pool
from flows.ending import error_of, message_of
from flows.request import Mode
from pipeline import alerting
from pipeline.alerting import Alert
from pipeline.carried_out import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.ending import Ending
    from flows.reach import Telling
    from flows.request import SyncRequest
    from pipeline.context import Context

NAME: Final = "consent-sync alerts"
PAYLOAD: Final = (
    '{"alert": "{{ event.event }}", "subject": "{{ event.payload.subject }}", "said": {{ event.payload.said|tojson }}}'
)
LATE: Final = timedelta(minutes=15)
"""How long after its time a scheduled run may begin."""
LOOKED_AT: Final = {Mode.SYNC, Mode.APPLY, Mode.RESUME}


def of_ending(request: SyncRequest, ending: Ending, context: Context, telling: Telling) -> None:
    """What the end of a run begins and ends."""
    if request.mode not in LOOKED_AT:
        return
    summary = ending.summary if isinstance(ending, Result) else None
    export = Path(request.export) if request.export else None
    found = alerting.of_run(summary, error_of(ending), export)
    _give(_subject(request, summary.run_id if summary else None), found, message_of(ending), context, telling)


def of_waiting(request: SyncRequest, result: Result, context: Context, telling: Telling) -> None:
    """A plan waits for somebody."""
    found = alerting.of_run(result.summary, result.error, None) | {Alert.APPROVAL_WAITING}
    said = f"the plan {result.summary.plan_hash[:12]} of run {result.summary.run_id} waits for an approval"
    _give(_subject(request, result.summary.run_id), found, said, context, telling)


def of_schedules(context: Context, telling: Telling) -> None:
    """Scheduled runs that have not begun, by deployment."""
    for deployment, due in pool.due().items():
        late = due is not None and due < context.clock() - LATE
        said = f"the run of {deployment} that was due {due:%Y-%m-%d %H:%M} UTC has not begun" if due else "on time"
        found = {Alert.SCHEDULE_OVERDUE} if late else set()
        subject = f"deployment {deployment}"
        _tell(alerting.looked(context, subject, found, {Alert.SCHEDULE_OVERDUE}), subject, said, telling)


def _give(subject: str, found: frozenset[Alert], said: str, context: Context, telling: Telling) -> None:
    _tell(alerting.looked(context, subject, found, alerting.OF_A_RUN), subject, said, telling)


def _tell(alerts: Iterable[Alert], subject: str, said: str, telling: Telling) -> None:
    for alert in alerts:
        telling(partial(_emit, alert, subject, said))


def _subject(request: SyncRequest, run_id: str | None) -> str:
    """The mapping; a run that goes on has it in its name, after the time."""
    name = Path(request.mapping).stem if request.mapping else (run_id or request.run).partition("-")[2]
    return f"mapping {name}"


def _emit(alert: Alert, subject: str, said: str) -> None:
    kind, _, name = subject.partition(" ")
    resource = {"prefect.resource.id": f"consent-sync.{kind}.{name}", "prefect.resource.name": subject}
    emit_event(f"consent-sync.{alert}", resource, payload={"said": said, "subject": subject})


def send_on(block_type: str, block: str) -> str:
    """Has every alert sent through a notification or webhook block; returns what was set up."""
    from prefect.automations import Automation
    from prefect.blocks.core import Block
    from prefect.events.actions import CallWebhook, SendNotification
    from prefect.events.schemas.automations import EventTrigger, Posture

    document: Any = Block.load(f"{block_type}/{block}")
    found = document._block_document_id
    said = "{{ event.payload.subject }}: {{ event.payload.said }}"
    if block_type == "webhook":
        action: Any = CallWebhook(block_document_id=found, payload=PAYLOAD)
    else:
        action = SendNotification(block_document_id=found, subject="{{ event.event }}", body=said)
    trigger = EventTrigger(expect={"consent-sync.*"}, posture=Posture.Reactive, threshold=1, within=timedelta(0))
    automation = Automation(name=NAME, trigger=trigger, actions=[action])
    with suppress(ValueError):  # there is none yet
        before: Any = Automation.read(name=NAME)
        before.delete()
    automation.create()
    return f"{NAME}: {block_type}/{block}"
