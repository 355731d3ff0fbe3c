"""Binds a mapping to what the destination says of itself: names become attributes and targets with types."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline import mapping_file as mf
from pipeline.job import Attribute, Instant, Job, Target, Words
from pipeline.matching import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.destinations.interface import Audience, Field
    from pipeline.job import Path
    from pipeline.mapping_file import MappingFile
    from pipeline.model import Channel

TEXT: Final = "text"


def bind(file: MappingFile, audience: Audience) -> Job:
    """Binds the mapping's names to the audience's. Raises MappingErrors with lines and hints (AC-12, AC-13)."""
    binder = _Binder(file, audience)
    mapping = file.mapping
    identity_field = binder.identity_field()
    targets = tuple(binder.targets()) if "consent" in mapping.policy.write else ()
    attributes = (*binder.addresses(), *binder.attributes(identity_field))
    if "attributes" not in mapping.policy.write:
        attributes = tuple(attribute for attribute in attributes if attribute.channels)
    if binder.problems:
        raise mf.MappingErrors(tuple(file.error(path, problem) for path, problem in binder.problems))
    return Job(
        destination=mapping.destination,
        account=audience.account,
        mapping=file.path.stem,
        identity_column=mapping.identity.column or "",
        identity_field=identity_field,
        identity_is_key=audience.key is not None and audience.key.name == identity_field,
        attributes=attributes,
        targets=targets,
        null_values=frozenset(value.strip() for value in mapping.source.null_values) | {""},
        policy=mapping.policy,
        delivery=mapping.delivery,
        guards=mapping.guards,
        implicit_opt_in=audience.implicit_opt_in,
        channel_fields={
            channel: tuple(name for name, field in audience.fields.items() if channel in field.channels)
            for channel in sorted(audience.channels)
        },
    )


class _Binder:
    """Collects every problem of one mapping against one audience, so that the operator sees them all at once."""

    def __init__(self, file: MappingFile, audience: Audience) -> None:
        self.mapping, self.audience = file.mapping, audience
        self.problems: list[tuple[Path, str]] = []

    def problem(self, path: Path, text: str) -> None:
        self.problems.append((path, text))

    def identity_field(self) -> str:
        named = self.mapping.identity.attribute
        if named is not None:
            field = self.field(named, ("identity", "attribute"))
            return field.name if field else named
        if self.audience.key is None:
            self.problem(
                ("identity",),
                f"the audience '{self.audience.name}' has no key attribute; name the one that identifies contacts with "
                "`attribute:`",
            )
            return ""
        return self.audience.key.name

    def field(self, name: str, path: Path) -> Field | None:
        found = self.audience.fields.get(name)
        if found is None:
            self.problem(
                path,
                f"the audience '{self.audience.name}' has no attribute '{name}' (names are case-sensitive)"
                + nearest(name, self.audience.fields),
            )
        return found

    def addresses(self) -> tuple[Attribute, ...]:
        found: dict[str, Attribute] = {}
        for channel, address in self.mapping.addresses.items():
            path: Path = ("addresses", channel.value)
            if address.attribute is None:
                self.problem(path, "`attribute:` is missing: the audience's attribute that holds this address")
                continue
            field = self.field(address.attribute, (*path, "attribute"))
            if field is None:
                continue
            if channel not in field.channels:
                fits = [f.name for f in self.audience.fields.values() if channel in f.channels]
                self.problem(
                    (*path, "attribute"),
                    f"attribute '{field.name}' is not an address of {channel}; allowed: {', '.join(fits) or 'none'}",
                )
            first = found.get(field.name)
            if first is None:
                found[field.name] = Attribute(
                    field.name, address.column, TEXT, path, channels=(channel,), region=address.region
                )
                continue
            found[field.name] = replace(first, channels=(*first.channels, channel))
            if first.region != address.region:
                self.problem(
                    (*path, "region"),
                    f"attribute '{field.name}' has one region for all of its channels: {first.region}",
                )
        return tuple(found.values())

    def attributes(self, identity_field: str) -> Iterator[Attribute]:
        addressed = {address.attribute for address in self.mapping.addresses.values()}
        for name, given in self.mapping.attributes.items():
            path: Path = ("attributes", name)
            field = self.field(name, path)
            if field is None:
                continue
            if name in addressed:
                self.problem(path, f"attribute '{name}' is written by `addresses` already; remove one of the two")
            if name == identity_field:
                self.problem(
                    path, f"attribute '{name}' is the identity; it is sent by itself and cannot be overwritten"
                )
            if given.type is not None and field.type not in (given.type, "any"):
                self.problem(
                    (*path, "type"), f"attribute '{name}' is of type {field.type} in the audience, not {given.type}"
                )
            yield Attribute(
                name,
                given.column,
                given.type or (TEXT if field.type == "any" else field.type),
                path,
                # An address is one wherever it is mapped: normalised, suppressed, and never a silent opt-in.
                channels=tuple(sorted(field.channels)),
                format=given.format,
                blank=given.blank,
                decimals=field.decimals,
            )

    def targets(self) -> Iterator[Target]:
        consent = self.mapping.consent
        named: dict[str, str] = {}
        for channel, given in (consent.channels or {}).items() if consent else ():
            path: Path = ("consent", "channels", channel.value)
            self._require_channel(channel, path)
            yield self._target(given, path, channel, None)
        for name, group in (consent.groups or {}).items() if consent else ():
            path = ("consent", "groups", name)
            group_id = self._group_id(name, path)
            first = named.setdefault(group_id, name)
            if first != name:
                self.problem(path, f"the group '{name}' is mapped as '{first}' already; remove one of the two")
                continue
            if group.channels:
                for channel, given in group.channels.items():
                    self._require_channel(channel, (*path, "channels", channel.value))
                    yield self._target(given, (*path, "channels", channel.value), channel, group_id)
            else:
                yield self._target(group, path, None, group_id)

    def _require_channel(self, channel: Channel, path: Path) -> None:
        if channel not in self.audience.channels:
            known = ", ".join(sorted(self.audience.channels)) or "none"
            self.problem(
                path, f"no attribute of the audience is an address of channel {channel}; its channels: {known}"
            )

    def _group_id(self, name: str, path: Path) -> str:
        groups = self.audience.groups
        if name in groups:
            return name
        ids = [group_id for group_id, group_name in groups.items() if group_name == name]
        if len(ids) != 1:
            many = f"{len(ids)} groups are named '{name}'; use the id: {', '.join(ids)}"
            none = f"the audience has no consent group '{name}'" + nearest(name, groups.values())
            self.problem(path, many if ids else none)
            return name
        return ids[0]

    def _target(self, given: mf.Target, path: Path, channel: Channel | None, group: str | None) -> Target:
        if group is None:
            key = label = str(channel)
            overlaps = [key]
        else:
            name = self.audience.groups.get(group, group)
            of_group = [f"group:{group}:{c}" for c in sorted(self.audience.channels)]
            if channel is None:
                key, label = f"group:{group}", name
                overlaps = [key, *of_group, *sorted(self.audience.channels)]
            else:
                key, label = f"group:{group}:{channel}", f"{name}/{channel}"
                overlaps = [key, f"group:{group}", channel.value]
        return Target(
            key=key,
            label=label,
            path=path,
            status=_status_words(given),
            at=_instant(given.at),
            evidence=_evidence_words(given.source),
            channel=channel,
            group_id=group,
            overlaps=tuple(str(k) for k in overlaps),
        )


def _status_words(given: mf.Target) -> Words:
    if given.const is not None:
        return Words(constant=str(given.const))
    cells = {mf.cell_key(cell): str(status) for status, listed in (given.values or {}).items() for cell in listed}
    return Words(column=given.column, values=cells)


def _evidence_words(given: mf.Evidence | None) -> Words | None:
    if given is None:
        return None
    if given.const is not None:
        return Words(constant=given.const)
    cells = {mf.cell_key(cell): word for word, listed in (given.values or {}).items() for cell in listed}
    return Words(column=given.column, values=cells or None)


def _instant(given: mf.At | None) -> Instant | None:
    return Instant(given.column, given.format, given.timezone) if given else None
