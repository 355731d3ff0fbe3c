"""The documents that `load` reads and `dump` writes: consents as the API shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, JsonValue

from pipeline.sandbox.vendor import SandboxError
from pipeline.sandbox.wix.consent import dated
from pipeline.sandbox.wix.consent_input import Reading
from pipeline.sandbox.wix.marketing_consent import EXTENDED, STATE, MarketingConsent
from pipeline.sandbox.wix.refusals import InvalidError
from pipeline.sandbox.wix.values import camel, iso_time, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.sandbox.wix.settings import Settings

    Find = Callable[[tuple[str, str]], MarketingConsent | None]


class Seed(BaseModel):
    """What `load` reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    consents: tuple[Any, ...] = ()
    """Consents in the shape of the API; only `details` and `state` are needed, whatever the state asks for."""


@dataclass(frozen=True, slots=True)
class SeedReader:
    """Makes consents of their documents."""

    settings: Settings
    find: Find
    """The stored consent of an address."""
    now: str

    def consents(self, documents: Iterable[JsonValue]) -> list[MarketingConsent]:
        """Raises SandboxError where one is malformed, or names an address or an id for the second time."""
        found: list[MarketingConsent] = []
        seen = set[object]()
        for position, document in enumerate(documents):
            try:
                consent = self._consent(document)
            except InvalidError as error:
                raise SandboxError(f"consents.{position}: {error.text}") from error
            except SandboxError as error:
                raise SandboxError(f"consents.{position}.{error}") from error
            if consent.id in seen or consent.details.key in seen:
                raise SandboxError(f"consents.{position}: its id or its address is there twice")
            seen |= {consent.id, consent.details.key}
            found.append(consent)
        return found

    def _consent(self, document: JsonValue) -> MarketingConsent:
        """What is stored for the address is overwritten whole; it stays the same consent unless its id is another."""
        sent = Reading(self.settings.model_copy(update={"unknown_fields": "refuse"})).consent(document)
        given = {camel(name): value for name, value in document.items()} if isinstance(document, dict) else {}
        if STATE not in sent.content:
            raise SandboxError("state: must be present")
        before = self.find(sent.details.key)
        if before is not None and given.get("id") not in {None, before.id}:
            before = None
        updated = _time(given, "updatedDate") or self.now
        created = _time(given, "createdDate") or (before.created if before else updated)
        return MarketingConsent(
            id=str(given.get("id") or (before.id if before else uuid4())),
            number=before.number if before else 0,
            revision=sent.revision or (before.revision + 1 if before else 1),
            details=sent.details,
            content={EXTENDED: {}, **dated(sent.content, updated)},
            created=created,
            updated=updated,
        )


def nothing_stored(_key: tuple[str, str]) -> None:
    """For a seed that replaces all there is."""


def _time(given: dict[str, Any], name: str) -> str | None:
    """A time in the form of the store; None if it is not given."""
    text = given.get(name)
    if text is None:
        return None
    time = moment(text)
    if time is None:
        raise SandboxError(f"{name}: is not an RFC 3339 date and time")
    return iso_time(time.timestamp())
