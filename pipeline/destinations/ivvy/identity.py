"""Who of the account's contacts is meant by an identity, who shares the address, and who may not be written to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.destinations.ivvy.directory import key_of, read
from pipeline.destinations.ivvy.fields import EXTERNAL_ID
from pipeline.model import Channel, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.destinations.ivvy.calls import Calls
    from pipeline.destinations.ivvy.directory import Directory
    from pipeline.destinations.ivvy.wire import Contact
    from pipeline.job import Job

_ID: Final = re.compile(r"[1-9][0-9]{0,17}")
_SEPARATOR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\|")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An identity of the export, with what is known of the person from there."""

    identity: str
    email: str
    """The address that the contact will have, trimmed and in lower case; empty: it keeps its own."""
    names: tuple[str, str] | None
    """First and last name, trimmed and in lower case, where both are said."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the account has for an identity. `contact` None: nobody, and `kin` share the address."""

    wanted: Wanted
    contact: Contact | None
    kin: tuple[Contact, ...] = ()
    barred: Reason | None = None


def find(wanted: Sequence[Wanted], job: Job, directory: Directory, calls: Calls) -> list[Found]:
    """One for each identity."""
    matches = _matches(wanted, job, directory, calls)
    addresses = {address for one in wanted for address in _addresses(one, matches.get(one.identity, ()), job)}
    sharing = directory.find("email", addresses, calls)
    ids = {c.id for of in (*matches.values(), *sharing.values()) for c in of}
    whole = read(ids, calls)
    return [_found(one, job, _there(matches.get(one.identity, ()), whole), sharing, whole) for one in wanted]


def split_names(identity: str) -> tuple[str, ...]:
    """The columns that an identity of several was joined from."""
    marked = _SEPARATOR.sub("\\1\0", identity)
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in marked.split("\0"))


def _matches(wanted: Sequence[Wanted], job: Job, directory: Directory, calls: Calls) -> Mapping[str, Sequence[Contact]]:
    identities = [one.identity for one in wanted]
    if job.identity_field == EXTERNAL_ID:
        return directory.find("externalId", identities, calls)
    if job.identity_field:
        numbers = {identity: int(identity) for identity in identities if _ID.fullmatch(identity)}
        there = read(numbers.values(), calls)
        return {identity: (there[number],) for identity, number in numbers.items() if number in there}
    by_email = directory.find("email", (one.email for one in wanted), calls)
    return {one.identity: [c for c in by_email.get(one.email, ()) if names_of(c) == one.names] for one in wanted}


def names_of(contact: Contact) -> tuple[str, str]:
    """First and last name as they are compared."""
    return ((contact.firstName or "").strip().lower(), (contact.lastName or "").strip().lower())


def identity_of(contact: Contact, job: Job) -> str:
    """The identity that an export would know a contact by; empty where it has none."""
    if job.identity_field == EXTERNAL_ID:
        return contact.externalId or ""
    if job.identity_field:
        return str(contact.id)
    cells = (*names_of(contact), key_of("email", contact.email))
    return "|".join(re.sub(r"([\\|])", r"\\\1", cell) for cell in cells)


def _addresses(wanted: Wanted, matches: Sequence[Contact], job: Job) -> set[str]:
    """Where the contact will be reached: by the address that it is given, else by that which it has."""
    stored = {key_of("email", match.email) for match in matches}
    address = job.address_of(Channel.EMAIL)
    if len(matches) == 1 and not (wanted.email and address in job.written_attributes):
        return stored - {""}
    return ({wanted.email} if wanted.email and len(matches) < 2 else {wanted.email, *stored}) - {""}


def _there(contacts: Sequence[Contact], whole: Mapping[int, Contact]) -> list[Contact]:
    return [whole[contact.id] for contact in contacts if contact.id in whole]


def _found(
    wanted: Wanted,
    job: Job,
    matches: list[Contact],
    sharing: Mapping[str, Sequence[Contact]],
    whole: Mapping[int, Contact],
) -> Found:
    addresses = _addresses(wanted, matches, job)
    others = {c.id: c for address in sorted(addresses) for c in _there(sharing.get(address, ()), whole)}
    others |= {match.id: match for match in matches}
    barred = Reason.CONTACT_AMBIGUOUS if len(matches) > 1 else None
    if not matches and job.identity_field == EXTERNAL_ID and wanted.names:
        # Adding would update a contact of the same names and address (IV-03): it is the one, if nobody else's.
        same = [c for c in others.values() if names_of(c) == wanted.names and key_of("email", c.email) == wanted.email]
        foreign = len(same) > 1 or any(c.externalId for c in same)
        matches, barred = same, Reason.CONTACT_AMBIGUOUS if foreign else None
    first = min(matches, key=lambda contact: contact.id, default=None)
    if first is not None and first.isAnonymised:
        barred = Reason.CONTACT_ANONYMISED
    kin = tuple(c for c in others.values() if (first is None or c.id != first.id) and not c.isAnonymised)
    return Found(wanted, first, kin, barred)
