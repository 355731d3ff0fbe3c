"""What each reason means and what to do about it: for the report, `explain` and the README."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import Final

from pipeline.model import Reason

DEFAULT_HOME: Final = ".consent-sync"

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
        "Nothing is said of a channel that the destination opts new contacts in to, or asks for; it was not created.",
        "Fill in the consent; the destination's options may say what it does with silence.",
    ),
    Reason.RESUBSCRIBE_WITHOUT_EVIDENCE: (
        "The contact has opted out, and the export has no newer evidence of a new opt-in.",
        "Leave it, or collect a new consent with time and source and use `resubscribe: with_newer_evidence`.",
    ),
    Reason.ADDRESS_OPTED_OUT: (
        "Somebody has opted out at this address, and a contact that is not opted out is not moved to it.",
        "Correct the address, or send the contact's own opt-out, or newer evidence of its opt-in, with it.",
    ),
    Reason.SUPPRESSED: (
        "The address is on a suppression list; it may only be opted out.",
        "Nothing to do, unless the list is wrong.",
    ),
    Reason.FORGOTTEN: (
        "A contact with this identity or address was forgotten (`consent-sync forget`); it may only be opted out.",
        "Take it out of the system that writes the export.",
    ),
    Reason.FOLDED: ("Another record of the same identity carries the outcome; nothing of this one is lost.", ""),
    Reason.ALREADY_TOLD: ("The destination was already told exactly this.", ""),
    Reason.NOTHING_TO_SEND: ("All mapped columns of the record are blank; blank means no change.", ""),
    Reason.CONTACT_EXISTS: (
        "`mode: create` was asked for, and the contact exists already.",
        "Use `mode: upsert` to create new contacts and update the others.",
    ),
    Reason.CHOICE_INVALID: (
        "The value is not among those that the destination lists for the attribute.",
        "Write one of the listed values, or add it at the destination.",
    ),
    Reason.TEXT_INVALID: (
        "The text does not have the form that the destination asks of this attribute.",
        "Correct the value; the destination's section of the README says what fits.",
    ),
    Reason.ATTRIBUTE_MISSING: (
        "A new contact needs this attribute, and it is blank here.",
        "Fill in the value, or write existing contacts only with `mode: update`.",
    ),
    Reason.CONTACT_AMBIGUOUS: (
        "Several contacts of the destination have this identity, so nobody can say which one is meant.",
        "Merge them at the destination, or identify contacts by something that is unique.",
    ),
    Reason.CONTACT_NAMED_TWICE: (
        "Several identities of the export are one contact of the destination; only an opt-out is told to it.",
        "Give each person one identity in the export, or merge the two where it comes from.",
    ),
    Reason.CONTACT_ANONYMISED: (
        "The contact was anonymised at the destination and is not written to.",
        "Remove it from the export.",
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
    Reason.CHANGED_MEANWHILE: (
        "Somebody else changed the contact between reading and writing, each time it was tried.",
        "Run the export again.",
    ),
    Reason.NOT_APPLIED: (
        "The destination accepted the request, and reading back shows that it did not take effect.",
        "If the message names a state that is kept, leave that value out; else run again, then ask the vendor.",
    ),
    Reason.NOT_CONFIRMED: (
        "It was sent and no usable answer came; reading back could not settle it.",
        "Run `consent-sync resume` when the destination answers again.",
    ),
    Reason.NOT_SENT: (
        "The run stopped before its turn, or lets it wait until somebody approves the plan.",
        "Run `consent-sync resume`, or where it waits, `consent-sync apply` as the report says.",
    ),
    Reason.CHANGED_SINCE: (
        "The consent is no longer what the run to be reverted left: a later run or somebody else changed it.",
        "Nothing, unless the later change is wrong too; then revert that run, or correct it at the destination.",
    ),
    Reason.BEFORE_UNKNOWN: (
        "What was there before was not read, or the destination cannot be given it again; so this status stays.",
        "Leave it, or send the status that it should have by an export.",
    ),
    Reason.OPTED_OUT_ELSEWHERE: (
        "An opt-out that is not the reverted run's forbids it: the platform's, another run's or contact's.",
        "Leave it, or collect a new consent with time and source and send it by an export.",
    ),
    Reason.OVERTAKEN: (
        "It is of a record that failed in an earlier run, and the contact was told something else since, or moved.",
        "Nothing, unless it is still true: then send it again by an export, a permission with its time.",
    ),
}
"""Reason -> (what it means, what to do), for the report and the README."""


def command(run_dir: str, *words: str) -> str:
    """A command line to copy, with `--home` where the run is not under the default home."""
    home = str(PurePath(run_dir).parent.parent)
    more = () if home == DEFAULT_HOME else ("--home", home)
    return shlex.join(("consent-sync", *words, *more))
