"""The vendor's description of an audience, in the words that mappings use."""

from __future__ import annotations

from typing import Final

from pipeline.destinations.acoustic_connect import wire
from pipeline.destinations.interface import Audience, Field
from pipeline.model import Channel

TYPES: Final = {
    "TEXT": "text",
    "NUMBER": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "ARRAY": "list",
    "JSON": "any",
}


def audience_of(data_set: wire.DataSet) -> Audience:
    fields = {}
    for attribute in data_set.attributes or ():
        identity = attribute.identifyAs or wire.Identity()
        channels = frozenset(Channel(c) for c in identity.channels or () if c in set(Channel))
        fields[attribute.name] = Field(
            attribute.name,
            TYPES.get(attribute.type, "any"),
            channels,
            is_key=bool(identity.key),
            decimals=attribute.decimalPrecision,
        )
    groups = {group.id: group.name for group in data_set.consentGroups or ()}
    return Audience(data_set.dataSetId, data_set.name or data_set.dataSetId, fields, groups)
