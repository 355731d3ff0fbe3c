"""One mutation: its rows in order, all or nothing or one by one, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from pipeline.sandbox.acoustic_connect.refusals import BatchRefusedError, RefusedError

if TYPE_CHECKING:
    from pipeline.sandbox.acoustic_connect.audience import Audience
    from pipeline.sandbox.acoustic_connect.contact import Contact
    from pipeline.sandbox.acoustic_connect.settings import Settings
    from pipeline.sandbox.acoustic_connect.store import Store
    from pipeline.sandbox.vendor import Exchange

Row = Mapping[str, JsonValue]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Context:
    """What a resolver works with."""

    store: Store
    audience: Audience | None
    """As the generation served sees it."""
    settings: Settings
    exchange: Exchange
    now: str

    @property
    def delay_seconds(self) -> float:
        """A33."""
        return max(self.settings.visibility_delay_ms / 1000, self.exchange.lag_seconds)

    def audience_called(self, data_set_id: str | None) -> Audience:
        """The audience, which must have that id if one is given. Raises RefusedError."""
        if self.audience is None or data_set_id not in {None, self.audience.dataSetId}:
            raise RefusedError(self.settings.data_set_not_found_code, f"Data set not found: {data_set_id}")
        return self.audience

    def save(self, contact: Contact, before: Contact | None) -> None:
        """Store a contact, with the times of its making and changing."""
        contact.created_at = contact.created_at or self.now
        contact.modified_at = self.now
        self.store.save(contact, before, self.delay_seconds)


def run_batch(context: Context, rows: Sequence[Row], carry_out: Callable[[Row], Result]) -> list[Result]:
    """Carry out each row. Raises BatchRefusedError as `batch_mode` and `error_report` say (A1, A6, A7).

    `carry_out` must refuse a row before it writes any of it.
    """
    settings = context.settings
    context.exchange.write_applied = False
    if len(rows) > settings.max_batch:
        message = f"{len(rows)} contacts in one mutation, at most {settings.max_batch}"
        raise BatchRefusedError([RefusedError(settings.batch_too_large_code, message)])
    results: list[Result] = []
    refusals: list[RefusedError] = []
    atomic = settings.batch_mode == "atomic"
    with context.store.transaction():
        for row in rows:
            try:
                results.append(carry_out(row))
            except RefusedError as refusal:
                refusals.append(refusal)
                if atomic and settings.error_report == "first":
                    break
        if refusals and atomic:
            raise BatchRefusedError(refusals)
    context.exchange.write_applied = bool(results)
    if refusals:
        raise BatchRefusedError(refusals[:1] if settings.error_report == "first" else refusals)
    return results


def refuse_poison(context: Context, identity: str) -> None:
    """Refuse a row that the fault schedule has poisoned."""
    poison = context.exchange.poison.get(identity)
    if poison is not None:
        raise RefusedError(poison.code, poison.message, poison.category)
