"""Alerts as Prefect events, `consent-sync.ALERT`, and an automation that sends them on through a block."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.events import Event

from flows import pool
from flows.ending import error_of, message_of
from flows.request import Mode
from pipeline import alerting
from pipeline.alerting import Alert
from pipeline.carried_out import Result
from pipeline.reporting.drift_report import Drift

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.ending import Ending
    from flows.reach import Telling
    from flows.request import SyncRequest
    from pipeline.context import Context
    from pipeline.reporting.summary import Summary

NAME: Final = "consent-sync alerts"
PAYLOAD: Final = (
    '{"alert": "{{ event.event }}", "subject": "{{ event.payload.subject }}", "said": {{ event.payload.said|tojson }}}'
)
LOOKED_AT: Final = {Mode.SYNC, Mode.APPLY, Mode.RESUME, Mode.VERIFY}


def of_ending(request: SyncRequest, ending: Ending, context: Context, telling: Telling) -> None:
    """What the end of a run begins and ends."""
    if request.mode not in LOOKED_AT:
        return
    if isinstance(ending, Drift):
        found = frozenset({Alert.FAILED} if ending.exit_code else ())
    else:
        export = Path(request.export) if request.export else None
        found = alerting.of_run(_summary(ending), error_of(ending), export)
    _give(_subject(request, _summary(ending)), found, message_of(ending), context, telling)


def of_crash(request: SyncRequest, said: str, context: Context, telling: Telling) -> None:
    """The process of a run is gone."""
    if request.mode in LOOKED_AT:
        _give(_subject(request, None), frozenset({Alert.FAILED}), said, context, telling)


def of_waiting(request: SyncRequest, result: Result, context: Context, telling: Telling) -> None:
    """A plan waits for somebody."""
    found = alerting.of_run(result.summary, result.error, None) | {Alert.APPROVAL_WAITING}
    said = f"the plan {result.summary.plan_hash[:12]} of run {result.summary.run_id} waits for an approval"
    _give(_subject(request, result.summary), found, said, context, telling)


def of_schedules(context: Context, telling: Telling) -> None:
    """Scheduled runs that have not begun, by deployment."""
    allowed = timedelta(minutes=context.settings.consent_sync_overdue_minutes)
    for deployment, due in pool.due().items():
        if due is not None and due < context.clock() - allowed:
            found = {Alert.SCHEDULE_OVERDUE}
            said = (
                f"the run of {deployment} that was due {due:%Y-%m-%d %H:%M} UTC has not begun: look whether a worker "
                "is up and the work pool is open; `make prefect` sees to both"
            )
        else:
            found, said = set(), f"no run of {deployment} is overdue any more"
        subject = f"deployment {deployment}"
        alerting.looked(context, subject, found, {Alert.SCHEDULE_OVERDUE}, _teller(subject, said, telling))


def _give(subject: str, found: frozenset[Alert], said: str, context: Context, telling: Telling) -> None:
    alerting.looked(context, subject, found, alerting.OF_A_RUN, _teller(subject, said, telling))


def _teller(subject: str, said: str, telling: Telling) -> Callable[[list[Alert]], bool]:
    """Tells alerts, and says whether Prefect has taken them."""

    def tell(alerts: list[Alert]) -> bool:
        telling(*(partial(_emit, alert, subject, said) for alert in alerts))
        return not telling.unheard

    return tell


def _summary(ending: Ending) -> Summary | None:
    return ending.summary if isinstance(ending, Result) else None


def _subject(request: SyncRequest, summary: Summary | None) -> str:
    """The mapping; a run that goes on has it in its name, after the time. An audit is a subject of its own."""
    run_id = summary.run_id if summary else request.run
    name = Path(request.mapping).stem if request.mapping else run_id.partition("-")[2]
    return f"{'audit' if request.mode is Mode.VERIFY else 'mapping'} {name}"


def _emit(alert: Alert, subject: str, said: str) -> None:
    """Raises what Prefect's client raises, unlike Prefect's own way, by which an event that nobody takes is lost."""
    kind, _, name = subject.partition(" ")
    resource = {"prefect.resource.id": f"consent-sync.{kind}.{name}", "prefect.resource.name": subject}
    event = Event.model_validate(
        {
            "event": f"consent-sync.{alert}",
            "resource": resource,
            "related": _flow_run(),
            "payload": {"said": said, "subject": subject},
        }
    )
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json")])


def _flow_run() -> list[dict[str, str]]:
    """The flow run of this process, where it is one."""
    found = runtime.flow_run.id
    if not found:
        return []
    key, role = "prefect.resource.id", "prefect.resource.role"
    return [{key: f"prefect.flow-run.{found}", role: "flow-run", "prefect.resource.name": str(runtime.flow_run.name)}]


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
