"""The vocabulary: statuses, outcomes, reasons and the names of columns. Each word is declared here once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    """What a person is reached by."""

    EMAIL = "EMAIL"
    SMS = "SMS"
    WHATSAPP = "WHATSAPP"


class Status(StrEnum):
    """The canonical consent statuses. A destination may add words (`BOUNCED`): columns hold plain strings."""

    OPT_IN = "OPT_IN"
    OPT_IN_UNVERIFIED = "OPT_IN_UNVERIFIED"
    CLEAR = "CLEAR"
    OPT_OUT = "OPT_OUT"
    UNSET = "UNSET"
    """Never told and never read: appears as the FROM of a transition, never in a mapping."""
    WAS_OPT_OUT = "WAS_OPT_OUT"
    """In the state only: an opt-out told before the contact was gone. It goes on forbidding, and nothing was told."""
    ABSENT = "ABSENT"
    """As read only: not a member of the group. An opt-out where a membership was told before, else nothing."""
    UNLISTED = "UNLISTED"
    """A consent cell that the mapping's `values` does not list; it takes part in folding and is never sent."""


OWN_ID: Final = "id"
"""Stands for the destination's own id of a contact, which is no attribute, where that is the identity."""
RESTRICTIONS: Final = ("BOUNCED", "NO_MARKETING", "FAILED", "REGISTERING")
"""Words of destinations for contacts that must not be contacted, without an opt-out of their own (IV-07, IV-08)."""

STRICTNESS: Final[dict[str, int]] = {
    Status.OPT_IN: 1,
    Status.OPT_IN_UNVERIFIED: 2,
    Status.CLEAR: 3,
    Status.UNLISTED: 4,
    Status.OPT_OUT: 5,
}
"""Higher is stricter; at equal or unknown times the stricter status wins. What a mapping does not list is in doubt:
it outranks every permission and never an opt-out."""


class Outcome(StrEnum):
    """What became of a record; every record has exactly one."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"


UNDELIVERED: Final = (Outcome.HELD, Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN)


class Operation(StrEnum):
    """What an item asks of the destination."""

    CREATE = "create"
    UPDATE = "update"


class BatchState(StrEnum):
    """How far a batch came; one that has not begun is not in the ledger."""

    IN_FLIGHT = "in_flight"
    SETTLED = "settled"


class RunStatus(StrEnum):
    """How far a run came, as in `--json` and the manifest."""

    PLANNED = "planned"
    COMPLETED = "completed"
    PARTIAL = "partial"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


class Extent(StrEnum):
    """How much of a plan may be carried out."""

    OPT_OUTS = "opt-outs"
    """Only the items that do nothing but opt out; the rest waits."""
    WHOLE = "whole"


class Column:
    """Columns of the frames that pass from stage to stage; those of parts are named by `binding`."""

    RECORD: Final = "consent_sync:record"
    LINE: Final = "consent_sync:line"
    IDENTITY: Final = "identity"
    WITHHELD: Final = "withheld"
    """list[struct[part: str, reason: str]]"""
    DECISION: Final = "decision"
    """`send`, or the Outcome that the plan alone settles."""
    REASON: Final = "reason"
    MESSAGE: Final = "message"
    WINNER: Final = "winner"
    OPERATION: Final = "operation"
    PHASE: Final = "phase"
    BATCH: Final = "batch"
    WIRE: Final = "wire"
    HANDLE: Final = "handle"
    """What the destination needs to find the contact again, as it gave it; null where nobody asked."""
    KIN: Final = "kin"
    """list[str]: the handles of other contacts that share the address and may still be contacted there."""
    BARRED: Final = "barred"
    """The reason why nothing but an opt-out may be written to the contact; null: no reason."""
    CHANNEL: Final = "channel"
    """The channel whose address an item is for, where consent belongs to addresses."""
    EXISTS: Final = "exists"
    """Whether the destination knows the contact: true, false, or null where nobody asked."""
    KNOWN: Final = "known"
    """Whether some status of the contact was told or read before this run."""
    OUTCOME: Final = "outcome"
    ATTEMPTS: Final = "attempts"
    LINK: Final = "link"
    """Where the person confirms or revokes, as the destination gave it (WX-10)."""


SEND: Final = "send"


class Reason(StrEnum):
    """Why a record, or a part of it, was not sent or not applied. Stable words: reports and scripts rely on them."""

    MALFORMED_RECORD = "malformed_record"
    IDENTITY_MISSING = "identity_missing"
    MANGLED_NUMBER = "mangled_number"
    EMAIL_INVALID = "email_invalid"
    PHONE_NOT_E164 = "phone_not_e164"
    ADDRESS_MISSING = "address_missing"
    DATE_INVALID = "date_invalid"
    NUMBER_INVALID = "number_invalid"
    BOOLEAN_INVALID = "boolean_invalid"
    CHOICE_INVALID = "choice_invalid"
    TEXT_INVALID = "text_invalid"
    ATTRIBUTE_BLANK = "attribute_blank"
    ATTRIBUTE_MISSING = "attribute_missing"
    UNKNOWN_CONSENT_VALUE = "unknown_consent_value"
    EVIDENCE_MISSING = "evidence_missing"
    CONSENT_MISSING = "consent_missing"
    RESUBSCRIBE_WITHOUT_EVIDENCE = "resubscribe_without_evidence"
    ADDRESS_OPTED_OUT = "address_opted_out"
    SUPPRESSED = "suppressed"
    FORGOTTEN = "forgotten"
    FOLDED = "folded"
    ALREADY_TOLD = "already_told"
    NOTHING_TO_SEND = "nothing_to_send"
    CONTACT_EXISTS = "contact_exists"
    CONTACT_NOT_FOUND = "contact_not_found"
    CONTACT_AMBIGUOUS = "contact_ambiguous"
    CONTACT_NAMED_TWICE = "contact_named_twice"
    CONTACT_ANONYMISED = "contact_anonymised"
    ADDRESS_NOT_SET = "address_not_set"
    ATTRIBUTE_VALUE_REFUSED = "attribute_value_refused"
    CHANNEL_REFUSED = "channel_refused"
    CONSENT_REFUSED = "consent_refused"
    REFUSED = "refused_by_destination"
    CHANGED_MEANWHILE = "changed_meanwhile"
    NOT_APPLIED = "not_applied"
    NOT_CONFIRMED = "not_confirmed"
    NOT_SENT = "not_sent"
    CHANGED_SINCE = "changed_since"
    BEFORE_UNKNOWN = "before_unknown"
    OPTED_OUT_ELSEWHERE = "opted_out_elsewhere"
    OVERTAKEN = "overtaken"


POLICY_REASONS: Final = frozenset(
    {
        Reason.UNKNOWN_CONSENT_VALUE,
        Reason.EVIDENCE_MISSING,
        Reason.CONSENT_MISSING,
        Reason.RESUBSCRIBE_WITHOUT_EVIDENCE,
        Reason.ADDRESS_OPTED_OUT,
        Reason.SUPPRESSED,
        Reason.CHANGED_SINCE,
        Reason.BEFORE_UNKNOWN,
        Reason.OPTED_OUT_ELSEWHERE,
        Reason.FORGOTTEN,
        Reason.OVERTAKEN,
    }
)
"""Parts withheld for these reasons could be sent and are not, by policy: a record of only such parts is held."""
