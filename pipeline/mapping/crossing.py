"""What must hold between the sections of a mapping, and what each destination asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.mapping.rules import Problem, cell_key
from pipeline.mapping.words import GROUP, STATUSES, WIX_SOURCES, allowed
from pipeline.mapping.yaml_source import shown
from pipeline.model import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.mapping.consent import Consent, Target
    from pipeline.mapping.schema import Address, AttributeColumn, Identity, Policy
    from pipeline.mapping.words import Destination
    from pipeline.mapping.yaml_source import KeyPath

IVVY_NAMES: Final = ("first_name", "last_name", "email")


def across(section: str, value: Any, above: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a section in the light of those above it; a section that is wrong itself is missing there."""
    destination: Destination | None = above.get("destination")
    match section:
        case "policy":
            yield from _suppression(value, destination)
        case "identity" if destination:
            yield from _identity(value, destination)
        case "addresses":
            yield from _addresses(value, destination)
        case "attributes":
            yield from _attributes(value, above.get("addresses", {}))
        case "consent":
            yield from _consent(value, above)
        case "ignore" if {"identity", "addresses", "attributes", "consent"} <= above.keys():
            uses = column_uses(above["identity"], above["addresses"], above["attributes"], above["consent"])
            mapped = dict(reversed(list(uses)))
            for position, column in enumerate(value):
                if column in mapped:
                    yield (position,), f"column {shown(column)} is mapped by {'.'.join(map(str, mapped[column]))}"


def column_uses(
    identity: Identity,
    addresses: Mapping[Channel, Address],
    attributes: Mapping[str, AttributeColumn],
    consent: Consent | None,
) -> Iterator[tuple[str, KeyPath]]:
    """Every column with the path of the key that names it."""
    for key in ("column", *IVVY_NAMES, "id"):
        if (column := getattr(identity, key)) is not None:
            yield column, ("identity", key)
    for channel, address in addresses.items():
        yield address.column, ("addresses", channel.value, "column")
    for name, attribute in attributes.items():
        yield attribute.column, ("attributes", name, "column")
    for below, _, target in consent.targets() if consent else ():
        path: KeyPath = ("consent", *below)
        if target.column is not None:
            yield target.column, (*path, "column")
        if target.at is not None:
            yield target.at.column, (*path, "at", "column")
        if target.source is not None and target.source.column is not None:
            yield target.source.column, (*path, "source", "column")


def _suppression(policy: Policy, destination: Destination | None) -> Iterator[Problem]:
    for number, listed in enumerate(policy.suppression or ()):
        for position, channel in enumerate(listed.channels or ()):
            yield from _channel(channel, ("suppression", number, "channels", position), destination)


def _identity(identity: Identity, destination: Destination) -> Iterator[Problem]:
    named = [key for key in IVVY_NAMES if getattr(identity, key) is not None]
    if identity.attribute is not None and identity.column is None:
        yield ("attribute",), "`attribute` belongs to `column`, which is missing"
    if destination == "ivvy":
        if named and len(named) < len(IVVY_NAMES):
            missing = ", ".join(key for key in IVVY_NAMES if key not in named)
            yield (), f"first_name, last_name and email identify together; missing: {missing}"
        if not named and identity.id is None and identity.column is None:
            yield (), "missing: give the columns `first_name`, `last_name` and `email`, or `id`"
        return
    for key in (*named, *(["id"] if identity.id is not None else [])):
        yield (key,), f"only iVvy identifies contacts by `{key}`; use `column`"
    if destination == "acoustic_connect" and identity.column is None:
        yield (), "missing: `column` names the column that holds the contact's key"


def _addresses(addresses: Mapping[Channel, Address], destination: Destination | None) -> Iterator[Problem]:
    written: dict[str, tuple[Channel, str]] = {}
    for channel, address in addresses.items():
        yield from _channel(channel, (channel.value,), destination)
        if channel is Channel.EMAIL and address.region is not None:
            yield (channel.value, "region"), "an e-mail address has no region"
        if address.attribute is not None:
            other, column = written.setdefault(address.attribute, (channel, address.column))
            if column != address.column:
                problem = (
                    f"attribute {shown(address.attribute)} is written by {other} from column {shown(column)} already"
                )
                yield (channel.value, "attribute"), problem


def _attributes(attributes: Mapping[str, AttributeColumn], addresses: Mapping[Channel, Address]) -> Iterator[Problem]:
    taken = {address.attribute: channel for channel, address in addresses.items()}
    for name in attributes:
        if name in taken:
            yield (
                (name,),
                f"attribute {shown(name)} is written by addresses.{taken[name]} already; remove one of the two",
            )


def _consent(consent: Consent | None, above: Mapping[str, Any]) -> Iterator[Problem]:
    policy, destination = above.get("policy"), above.get("destination")
    if consent is None:
        if policy is not None and "consent" in policy.write:
            yield (), "missing: add `consent`, or write attributes only with `policy: {write: [attributes]}`"
        return
    if consent.groups is not None and destination == "wix":
        yield ("groups",), "Wix has no consent groups; use `channels`"
        return
    for path, channel, target in consent.targets():
        if path[0] == "groups" and channel is not None and destination == "ivvy":
            yield path, "an iVvy group has no channels; give the group a status"
            continue
        if channel is not None:
            yield from _channel(channel, path, destination)
        yield from _statuses(target, path, channel, destination)
        if destination == "wix":
            yield from _wix(target, path, channel, above.get("addresses"))
        if policy is not None:
            yield from _evidence(target, path, policy.resubscribe, policy.require_evidence)
        if (source := above.get("source")) is not None:
            yield from _blank_values(target, path, source.null_values)


def _channel(channel: Channel, path: KeyPath, destination: Destination | None) -> Iterator[Problem]:
    known = STATUSES[destination] if destination else {}
    if known and channel not in known:
        yield path, f"{destination} has no channel {channel}" + allowed([c for c in known if c != GROUP])


def _statuses(
    target: Target, path: KeyPath, channel: Channel | None, destination: Destination | None
) -> Iterator[Problem]:
    fitting = STATUSES[destination].get(channel or GROUP) if destination else None
    for status in target.statuses:
        if fitting is not None and status not in fitting:
            key = ("const",) if target.const is not None else ("values", status)
            yield (*path, *key), f"{destination} cannot store {status} for {channel or 'a group'}" + allowed(fitting)


def _wix(target: Target, path: KeyPath, channel: Channel | None, addresses: Any) -> Iterator[Problem]:
    if addresses is not None and channel not in addresses:
        yield path, f"Wix keeps consent per address, and `addresses` has no {channel}"
    for word in target.source.values or () if target.source else ():
        if word not in WIX_SOURCES:
            yield (*path, "source", "values", word), f"unknown source {shown(word)}" + allowed(WIX_SOURCES, found=word)


def _evidence(target: Target, path: KeyPath, resubscribe: str, required: Sequence[str]) -> Iterator[Problem]:
    if resubscribe == "with_newer_evidence" and target.at is None:
        yield path, "`at` is missing: `resubscribe: with_newer_evidence` compares it with the time of the opt-out"
    for status in target.statuses:
        missing = [key for key in ("at", "source") if getattr(target, key) is None]
        if status in required and missing:
            wanted = " and ".join(f"`{key}`" for key in missing)
            yield path, f"{wanted} missing: `require_evidence` asks for it, so that each {status} would be held"


def _blank_values(target: Target, path: KeyPath, null_values: Sequence[str]) -> Iterator[Problem]:
    blank = {cell_key(value) for value in null_values}
    for status, cells in (target.values or {}).items():
        for position, cell in enumerate(cells):
            if cell_key(cell) in blank:
                where = (*path, "values", status, position)
                yield where, f"{shown(cell)} is one of source.null_values: blank means no change, so it has no status"
