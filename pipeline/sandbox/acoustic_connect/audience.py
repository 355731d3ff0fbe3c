"""The audience (attributes, key, channels, consent groups) and the seed documents that describe it."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ChannelName = Literal["EMAIL", "SMS", "WHATSAPP"]
StatusName = Literal["OPT_IN", "OPT_OUT", "OPT_IN_UNVERIFIED"]

CHANNELS: dict[str, tuple[ChannelName, ...]] = {"dataset": ("EMAIL", "SMS"), "current": ("EMAIL", "SMS", "WHATSAPP")}
"""The channels that each API generation knows."""
STATUSES: tuple[StatusName, ...] = ("OPT_IN", "OPT_OUT", "OPT_IN_UNVERIFIED")


class Document(BaseModel):
    """A part of a document that is read: no unknown fields, and not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(Document):
    """What an attribute identifies a contact as: the key, or an address on channels."""

    key: bool | None = None
    channels: tuple[ChannelName, ...] | None = None


class Attribute(Document):
    """An attribute of the audience, in the vendor's shape; `behaviour` marks one that the vendor computes (A25)."""

    name: str = Field(min_length=1, pattern=r'^[^"\\]+$')
    type: Literal["TEXT", "NUMBER", "BOOLEAN", "DATE", "JSON", "ARRAY"]
    category: str | None = None
    decimalPrecision: int | None = Field(default=None, ge=0, le=14)  # noqa: N815 - the vendor's name
    identifyAs: Identity | None = None  # noqa: N815 - the vendor's name
    behaviour: bool = False

    @cached_property
    def is_key(self) -> bool:
        """Whether this attribute holds the contact key."""
        return self.identifyAs is not None and bool(self.identifyAs.key)

    @cached_property
    def channels(self) -> tuple[ChannelName, ...]:
        """The channels that this attribute is an address for."""
        return () if self.identifyAs is None else self.identifyAs.channels or ()


class ConsentGroup(Document):
    """A consent group; the API never says which channels it has (A15): None stands for all of the audience's."""

    id: str
    name: str
    channels: tuple[ChannelName, ...] | None = None


class Audience(Document):
    """The data set that holds the contacts."""

    dataSetId: str  # noqa: N815 - the vendor's name
    name: str
    attributes: tuple[Attribute, ...]
    consentGroups: tuple[ConsentGroup, ...] = ()  # noqa: N815 - the vendor's name

    @model_validator(mode="after")
    def _names_are_unique(self) -> Audience:
        keys = [attribute for attribute in self.attributes if attribute.is_key]
        if len(keys) > 1 or any(key.type != "TEXT" for key in keys):
            raise ValueError("an audience has at most one key attribute, and it is TEXT")
        if len(self.by_name) != len(self.attributes) or len(self.groups) != len(self.consentGroups):
            raise ValueError("attribute names and group ids must be unique")
        return self

    @cached_property
    def by_name(self) -> dict[str, Attribute]:
        """Attributes by name; case matters (AC-12)."""
        return {attribute.name: attribute for attribute in self.attributes}

    @cached_property
    def attributes_by_name(self) -> tuple[Attribute, ...]:
        """Attributes in the order of their names."""
        return tuple(sorted(self.attributes, key=lambda attribute: attribute.name))

    @cached_property
    def key(self) -> Attribute | None:
        """The key attribute, if the audience has one."""
        return next((attribute for attribute in self.attributes if attribute.is_key), None)

    @cached_property
    def addressables(self) -> tuple[Attribute, ...]:
        """The attributes that are an address on some channel."""
        return tuple(attribute for attribute in self.attributes if attribute.channels)

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """The channels that some attribute is an address for, in the vendor's order."""
        return tuple(c for c in CHANNELS["current"] if any(c in a.channels for a in self.addressables))

    @cached_property
    def groups(self) -> dict[str, ConsentGroup]:
        """Consent groups by id."""
        return {group.id: group for group in self.consentGroups}

    def group_channels(self, group_id: str) -> tuple[str, ...]:
        """The channels of a group that the audience has an attribute for."""
        own = self.groups[group_id].channels
        return self.channels if own is None else tuple(channel for channel in self.channels if channel in own)

    def merged(self, newer: Audience) -> Audience:
        """This audience with `newer`'s attributes and groups added, those of the same name or id replaced."""
        return Audience(
            dataSetId=newer.dataSetId,
            name=newer.name,
            attributes=tuple((self.by_name | newer.by_name).values()),
            consentGroups=tuple((self.groups | newer.groups).values()),
        )

    def limited_to(self, channels: tuple[ChannelName, ...]) -> Audience:
        """This audience as an API generation sees it that knows only `channels`."""
        return Audience(
            dataSetId=self.dataSetId,
            name=self.name,
            attributes=tuple(_limited_attribute(attribute, channels) for attribute in self.attributes),
            consentGroups=self.consentGroups,
        )


def _limited_attribute(attribute: Attribute, channels: tuple[ChannelName, ...]) -> Attribute:
    if not attribute.channels:
        return attribute
    known = tuple(channel for channel in attribute.channels if channel in channels)
    identity = Identity(key=attribute.is_key or None, channels=known or None) if known or attribute.is_key else None
    return Attribute.model_validate(attribute.model_dump() | {"identifyAs": identity})
