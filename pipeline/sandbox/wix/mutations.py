"""Create, update, upsert, remove and delete, one consent at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.sandbox.wix.consent import Situation, dated, settle
from pipeline.sandbox.wix.marketing_consent import CONFIRMATION, EXTENDED, REVOCATION, STATE, Content, Details
from pipeline.sandbox.wix.mask import Path, masked, touches_details
from pipeline.sandbox.wix.refusals import InvalidError, RefusedError, Rule, invalid, missing, not_found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.sandbox.wix.consent_input import ConsentInput
    from pipeline.sandbox.wix.context import Context
    from pipeline.sandbox.wix.marketing_consent import MarketingConsent


@dataclass(frozen=True, slots=True)
class Mutations:
    """The rules of the writing operations; violations are named from the consent down."""

    context: Context

    def create(self, sent: ConsentInput) -> MarketingConsent:
        """A consent that is CONFIRMED whatever `state` was sent (21)."""
        self.context.refuse_poison(sent.details.key[1])
        before = self.context.store.find(sent.details.key)
        confirmed = replace(sent, content={**sent.content, STATE: "CONFIRMED"})
        content = self.upserted(confirmed)
        if before is not None and self.context.settings.create_existing == "conflict":
            code = self.context.settings.already_exists_code
            raise RefusedError(409, code, "consent exists", {"marketingConsentId": before.id})
        return self.context.save(sent.details, content, before)

    def update(self, consent_id: str, sent: ConsentInput, paths: Iterable[Path]) -> MarketingConsent:
        """The masked fields as sent, the others as they were."""
        paths = tuple(paths)
        settings = self.context.settings
        if sent.revision is None and settings.update_without_revision == "refuse":
            raise InvalidError([missing("revision")])
        before = self._stored(consent_id)
        self.context.refuse_poison(before.details.key[1], before.id)
        if sent.revision not in {None, before.revision} and settings.stale_revision == "conflict":
            data: dict[str, Any] = {"sent": str(sent.revision), "stored": str(before.revision)}
            message = "entity has already changed since the requested revision"
            raise RefusedError(409, settings.revision_conflict_code, message, data)
        if touches_details(paths) and sent.details.key != before.details.key:
            raise invalid("details", "cannot be changed", Rule.FIELD_NOT_ALLOWED)
        content = self._updated(before, masked(before.content, sent.content, paths), paths)
        return self.context.save(before.details, content, before, counts=True)

    def upsert(self, sent: ConsentInput) -> MarketingConsent:
        """A new consent, or the stored one of that address changed; no revision is looked at (33, j)."""
        self.context.refuse_poison(sent.details.key[1])
        content = self.upserted(sent)
        return self.context.save(sent.details, content, self.context.store.find(sent.details.key))

    def upserted(self, sent: ConsentInput) -> Content:
        """What an upsert would store. Raises InvalidError."""
        settings = self.context.settings
        if settings.state_required and STATE not in sent.content:
            raise InvalidError([missing(STATE)])
        before = self.context.store.find(sent.details.key)
        situation = Situation(settings, sent.details.type, before)
        state = settle(sent.content.get(STATE, "UNKNOWN_STATE"), sent.content, situation)
        kept = before.content if before and settings.upsert_absent == "keep" else {}
        return {EXTENDED: {}, **kept, **dated(sent.content, self.context.now), STATE: state}

    def remove(self, details: Details, activity: Content | None) -> MarketingConsent:
        """The consent of an address revoked (25)."""
        self.context.refuse_poison(details.key[1])
        settings = self.context.settings
        if activity is None and settings.remove_needs_activity:
            raise InvalidError([missing(REVOCATION)])
        before = self.context.store.find(details.key)
        if before is None:
            raise not_found(settings, details={"type": details.type, details.type.lower(): details.address})
        given = {} if activity is None else {REVOCATION: activity}
        content = {**before.content, **dated(given, self.context.now), STATE: "REVOKED"}
        return self.context.save(before.details, content, before)

    def delete(self, consent_id: str) -> None:
        """The consent erased."""
        before = self._stored(consent_id)
        self.context.refuse_poison(before.details.key[1], before.id)
        self.context.delete(before)

    def _stored(self, consent_id: str) -> MarketingConsent:
        found = self.context.store.get(consent_id)
        if found is None:
            raise not_found(self.context.settings, id=consent_id)
        return found

    def _updated(self, before: MarketingConsent, merged: Content, paths: Iterable[Path]) -> Content:
        """The merged content once it is judged; fields that bear on no state are not (l, o, q)."""
        settings = self.context.settings
        if {STATE, CONFIRMATION, REVOCATION}.isdisjoint(path[0] for path in paths):
            return merged
        filled = settings.revoke_without_activity == "fill"
        if filled and merged[STATE] == "REVOKED" and REVOCATION not in merged:
            merged = {**merged, REVOCATION: {"source": "OTHER"}}
        state = settle(merged[STATE], merged, Situation(settings, before.details.type, before))
        return {**dated(merged, self.context.now), STATE: state}
