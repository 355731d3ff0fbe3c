"""The audience in a run's folder: what the destination said of itself when the run was planned."""

from __future__ import annotations

import json
from dataclasses import asdict

from pipeline.destinations.interface import Audience, Field
from pipeline.model import Channel


def audience_json(audience: Audience) -> bytes:
    """The audience for the run folder."""
    return json.dumps(asdict(audience), default=sorted, ensure_ascii=False).encode()


def audience_from_json(text: bytes) -> Audience:
    """The audience as it was when the run was planned."""
    found = json.loads(text)
    fields = {
        name: Field(**{**given, "channels": frozenset(Channel(c) for c in given["channels"])})
        for name, given in found["fields"].items()
    }
    implicit = frozenset(Channel(channel) for channel in found["implicit_opt_in"])
    names = tuple(found["naming_fields"])
    kin = Channel(found["kin"]) if found["kin"] else None
    return Audience(**{**found, "fields": fields, "implicit_opt_in": implicit, "naming_fields": names, "kin": kin})
