"""Binds a mapping to what the destination says of itself: names become attributes and targets with types."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline import mapping_file as mf
from pipeline.destinations.interface import Field
from pipeline.job import Attribute, Job
from pipeline.matching import nearest
from pipeline.model import OWN_ID
from pipeline.targets import TargetBinder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.destinations.interface import Audience
    from pipeline.job import Path
    from pipeline.mapping_file import MappingFile
    from pipeline.model import Channel

TEXT: Final = "text"


def bind(file: MappingFile, audience: Audience) -> Job:
    """Binds the mapping's names to the audience's. Raises MappingErrors with lines and hints (AC-12, AC-13)."""
    binder = _Binder(file, audience)
    mapping = file.mapping
    columns, identity_field = binder.identity()
    binds = TargetBinder(mapping.consent, audience, binder.problem)
    targets = tuple(binds.targets()) if "consent" in mapping.policy.write else ()
    attributes = (*binder.addresses(), *binder.names(), *binder.attributes(identity_field))
    if "attributes" not in mapping.policy.write:
        attributes = tuple(a for a in attributes if a.channels or a.identifies or a.is_required)
    if binder.problems:
        raise mf.MappingErrors(tuple(file.error(path, problem) for path, problem in binder.problems))
    return Job(
        destination=mapping.destination,
        account=audience.account,
        mapping=file.path.stem,
        identity_columns=columns,
        identity_field=identity_field,
        identity_is_key=audience.key is not None and audience.key.name == identity_field,
        attributes=attributes,
        targets=targets,
        null_values=frozenset(value.strip() for value in mapping.source.null_values) | {""},
        policy=mapping.policy,
        delivery=mapping.delivery.model_copy(update={"mode": mapping.delivery.mode or audience.mode}),
        guards=mapping.guards,
        implicit_opt_in=audience.implicit_opt_in,
        channel_fields={
            channel: tuple(name for name, field in audience.fields.items() if channel in field.channels)
            for channel in sorted(audience.channels)
        },
        by_address=audience.by_address,
        asks_first=audience.asks_first,
        kin=audience.kin,
        naming=_naming(attributes, audience),
        groups_are_apart=audience.groups_are_apart,
    )


class _Binder:
    """Collects every problem of one mapping against one audience, so that the operator sees them all at once."""

    def __init__(self, file: MappingFile, audience: Audience) -> None:
        self.mapping, self.audience = file.mapping, audience
        self.problems: list[tuple[Path, str]] = []

    def problem(self, path: Path, text: str) -> None:
        self.problems.append((path, text))

    def identity(self) -> tuple[tuple[str, ...], str]:
        """The columns that identify, and the attribute that holds the identity (empty: none does)."""
        given = self.mapping.identity
        if given.first_name and given.last_name and given.email:
            return (given.first_name, given.last_name, given.email), ""
        if given.id is not None:
            return (given.id,), OWN_ID
        columns = (given.column,) if given.column else ()
        return columns, "" if self.audience.by_address else self._identity_field()

    def _identity_field(self) -> str:
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
            patterns = [cell for names, cell in self.audience.open_fields.items() if re.fullmatch(names, name)]
            found = Field(name, TEXT if patterns[0] else "any", pattern=patterns[0] or None) if patterns else None
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
            field = self._address_field(channel, address.attribute, path)
            if field is None:
                continue
            first = found.get(field.name)
            if first is None:
                found[field.name] = Attribute(
                    field.name,
                    address.column,
                    TEXT,
                    path,
                    channels=(channel,),
                    region=address.region,
                    identifies=self.audience.by_address,
                    is_required=field.is_required,
                )
                continue
            found[field.name] = replace(first, channels=(*first.channels, channel))
            if first.region != address.region:
                self.problem(
                    (*path, "region"),
                    f"attribute '{field.name}' has one region for all of its channels: {first.region}",
                )
        return tuple(address for address in found.values() if not self._names_identify(address))

    def _address_field(self, channel: Channel, named: str | None, path: Path) -> Field | None:
        """The field that a channel's address is written to; an audience with one for the channel needs no name."""
        fits = [f.name for f in self.audience.fields.values() if channel in f.channels]
        if named is None and len(fits) != 1:
            self.problem(path, "`attribute:` is missing: the audience's attribute that holds this address")
            return None
        field = self.field(named or fits[0], (*path, "attribute"))
        if field is not None and channel not in field.channels:
            allowed = ", ".join(fits) or "none"
            self.problem(
                (*path, "attribute"), f"attribute '{field.name}' is not an address of {channel}; allowed: {allowed}"
            )
        return field

    def names(self) -> Iterator[Attribute]:
        """The attributes that identify together; they are sent with a new contact and never changed."""
        identity = self.mapping.identity
        columns = (identity.first_name, identity.last_name, identity.email)
        for name, column, key in zip(
            self.audience.naming_fields, columns, ("first_name", "last_name", "email"), strict=False
        ):
            if column is not None:
                channels = tuple(sorted(self.audience.fields[name].channels))
                yield Attribute(
                    name, column, TEXT, ("identity", key), channels=channels, identifies=True, is_required=True
                )

    def _names_identify(self, address: Attribute) -> bool:
        """Whether an address is one of the names that identify, from the same column."""
        given = self.mapping.identity.email
        if given is None or address.name not in self.audience.naming_fields:
            return False
        if given != address.column:
            self.problem(
                (*address.path, "column"),
                f"'{address.name}' identifies contacts and comes from column '{given}'; it cannot come from another",
            )
        return True

    def attributes(self, identity_field: str) -> Iterator[Attribute]:
        addressed = {address.attribute for address in self.mapping.addresses.values()}
        naming = self.audience.naming_fields if self.mapping.identity.first_name else ()
        for name, given in self.mapping.attributes.items():
            path: Path = ("attributes", name)
            field = self.field(name, path)
            if field is None:
                continue
            if name in addressed:
                self.problem(path, f"attribute '{name}' is written by `addresses` already; remove one of the two")
            if name == identity_field or name in naming:
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
                choices=_choices(field),
                is_required=field.is_required,
                id=field.id,
                pattern=field.pattern,
                most=field.most,
            )


def _naming(attributes: tuple[Attribute, ...], audience: Audience) -> tuple[str, ...]:
    """The parts that name a new contact, where all of them are mapped."""
    parts = {a.name: a.part for a in attributes}
    return tuple(parts[n] for n in audience.naming_fields) if set(audience.naming_fields) <= set(parts) else ()


def _choices(field: Field) -> dict[str, str] | None:
    """Word or label in lower case -> word; the words themselves come first."""
    if field.choices is None:
        return None
    labels = {label.strip().lower(): word for word, label in field.choices.items()}
    return labels | {word.strip().lower(): word for word in field.choices}
