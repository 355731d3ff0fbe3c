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
    UNLISTED = "UNLISTED"
    """A consent cell that the mapping's `values` does not list; it takes part in folding and is never sent."""


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
    EXISTS: Final = "exists"
    """Whether the destination knows the contact: true, false, or null where nobody asked."""
    KNOWN: Final = "known"
    """Whether some status of the contact was told or read before this run."""
    OUTCOME: Final = "outcome"
    ATTEMPTS: Final = "attempts"


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
    ATTRIBUTE_BLANK = "attribute_blank"
    UNKNOWN_CONSENT_VALUE = "unknown_consent_value"
    EVIDENCE_MISSING = "evidence_missing"
    CONSENT_MISSING = "consent_missing"
    RESUBSCRIBE_WITHOUT_EVIDENCE = "resubscribe_without_evidence"
    SUPPRESSED = "suppressed"
    FOLDED = "folded"
    ALREADY_TOLD = "already_told"
    NOTHING_TO_SEND = "nothing_to_send"
    CONTACT_EXISTS = "contact_exists"
    CONTACT_NOT_FOUND = "contact_not_found"
    ADDRESS_NOT_SET = "address_not_set"
    ATTRIBUTE_VALUE_REFUSED = "attribute_value_refused"
    CHANNEL_REFUSED = "channel_refused"
    CONSENT_REFUSED = "consent_refused"
    REFUSED = "refused_by_destination"
    NOT_APPLIED = "not_applied"
    NOT_CONFIRMED = "not_confirmed"
    NOT_SENT = "not_sent"


POLICY_REASONS: Final = frozenset(
    {
        Reason.UNKNOWN_CONSENT_VALUE,
        Reason.EVIDENCE_MISSING,
        Reason.CONSENT_MISSING,
        Reason.RESUBSCRIBE_WITHOUT_EVIDENCE,
        Reason.SUPPRESSED,
    }
)
"""Parts withheld for these reasons could be sent and are not, by policy: a record of only such parts is held."""

ADVICE: Final[dict[Reason, tuple[str, str]]] = {
    Reason.MALFORMED_RECORD: (
        "The record does not have the header's number of fields, is badly quoted, or is not in the file's encoding.",
        "Correct the line in rejects.csv, or in the system that writes the export.",
    ),
    Reason.IDENTITY_MISSING: (
        "The identity column is blank, so nobody can say whose consent this is.",
        "Fill in the identity and run rejects.csv again.",
    ),
    Reason.MANGLED_NUMBER: (
        "A spreadsheet has turned a long number into scientific notation; its digits are lost.",
        "Export again with the column formatted as text.",
    ),
    Reason.EMAIL_INVALID: (
        "The e-mail address is not valid; the address and its EMAIL consent were withheld.",
        "Correct the address at its source.",
    ),
    Reason.PHONE_NOT_E164: (
        "The phone number is not a valid number of its region; the number and its consent were withheld.",
        "Correct the number, or set the address's `region` to the country that national numbers belong to.",
    ),
    Reason.ADDRESS_MISSING: (
        "A new contact needs an address, and an opt-in needs the address of its channel.",
        "Fill in the e-mail address or the phone number.",
    ),
    Reason.DATE_INVALID: ("The date does not fit the mapping's format.", "Correct the date or the mapping's `format`."),
    Reason.NUMBER_INVALID: (
        "The text is not a number, or has more decimals than the attribute takes.",
        "Correct the value; numbers are written like 1234.5.",
    ),
    Reason.BOOLEAN_INVALID: ("The text is neither true nor false.", "Write true or false."),
    Reason.ATTRIBUTE_BLANK: (
        "The mapping says `blank: reject` for an attribute that is blank here.",
        "Fill in the value, or choose `blank: keep` in the mapping.",
    ),
    Reason.UNKNOWN_CONSENT_VALUE: (
        "The consent cell holds a value that the mapping does not list; consent is never guessed.",
        "List the value under its status in the mapping's `values`, or correct the cell.",
    ),
    Reason.EVIDENCE_MISSING: (
        "`require_evidence` asks for the time and the source of this consent, and one of them is missing.",
        "Export the columns that `at` and `source` name.",
    ),
    Reason.CONSENT_MISSING: (
        "The destination opts a new contact in by itself to a channel that nothing is said of, so it was not created.",
        "Fill in the consent, or set `implicit_email_opt_in: false` in `options` if your account does not do so.",
    ),
    Reason.RESUBSCRIBE_WITHOUT_EVIDENCE: (
        "The contact has opted out, and the export has no newer evidence of a new opt-in.",
        "Leave it, or collect a new consent with time and source and use `resubscribe: with_newer_evidence`.",
    ),
    Reason.SUPPRESSED: (
        "The address is on the suppression list; it may only be opted out.",
        "Nothing to do, unless the list is wrong.",
    ),
    Reason.FOLDED: ("Another record of the same identity carries the outcome; nothing of this one is lost.", ""),
    Reason.ALREADY_TOLD: ("The destination was already told exactly this.", ""),
    Reason.NOTHING_TO_SEND: ("All mapped columns of the record are blank; blank means no change.", ""),
    Reason.CONTACT_EXISTS: (
        "`mode: create` was asked for, and the contact exists already.",
        "Use `mode: upsert` to create new contacts and update the others.",
    ),
    Reason.CONTACT_NOT_FOUND: (
        "The destination has no contact with this identity.",
        "Use `mode: upsert` to create it, or correct the identity.",
    ),
    Reason.ADDRESS_NOT_SET: (
        "The destination has no address of this channel for the contact, so it takes no consent for it.",
        "Send the address too (map it under `addresses`), or leave the channel out.",
    ),
    Reason.ATTRIBUTE_VALUE_REFUSED: (
        "The destination does not take one of the values; its message names it.",
        "Correct the value, or the attribute's `type` in the mapping.",
    ),
    Reason.CHANNEL_REFUSED: (
        "The destination does not take this channel for the contact.",
        "Compare the mapping's channels with the audience's attributes.",
    ),
    Reason.CONSENT_REFUSED: (
        "The destination refuses the combination of channels and consent groups.",
        "Name each channel once: by channel or by group.",
    ),
    Reason.REFUSED: (
        "The destination refused the record with a code of its own, kept in the message.",
        "Read the message; correct the record and run rejects.csv again.",
    ),
    Reason.NOT_APPLIED: (
        "The destination accepted the request, and reading back shows that it did not take effect.",
        "Run the export again; if it stays, ask the vendor with the times in the ledger.",
    ),
    Reason.NOT_CONFIRMED: (
        "It was sent and no usable answer came; reading back could not settle it.",
        "Run `consent-sync resume` when the destination answers again.",
    ),
    Reason.NOT_SENT: ("The run stopped before its turn.", "Run `consent-sync resume`."),
}
"""Reason -> (what it means, what to do), for the report and the README."""
