"""How an export is divided, so that a run stays within the memory that it is given, and how memory is kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from pipeline.settings import Settings

AT_REST_BYTES: Final = 320 * 1024 * 1024
"""What a run takes whatever the export: the interpreter, its packages, and what is read before it is divided."""
PLANNED_BYTES_PER_BYTE: Final = 20
"""What it takes to plan a byte of an export: its columns, what is made of them, and the wire JSON."""
MOST_PLANNERS: Final = 4
"""Shards planned at once, even where there are more processors: each expression uses several by itself."""
ALLOCATOR: Final = "_RJEM_MALLOC_CONF"
"""The variable by which polars' allocator, jemalloc, is told how to go about it, when polars is imported."""
KEPT_SECONDS: Final = 5
"""How long it keeps what is free: half a second by default, and what is given back so soon is soon asked for again."""


def spare_the_allocator(environment: MutableMapping[str, str]) -> None:
    """Tells polars' allocator, unless somebody told it otherwise. To be called before polars is imported."""
    told = f"narenas:{processors()},background_thread:true,dirty_decay_ms:{KEPT_SECONDS * 1000},muzzy_decay_ms:0"
    environment.setdefault(ALLOCATOR, told)


def planners() -> int:
    """How many shards are planned at once."""
    return min(processors(), MOST_PLANNERS)


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shards(export_bytes: int, settings: Settings, most: int) -> int:
    """Into how many shards an export of that size is divided, with as much memory and at least as many as set."""
    return max(shards_of(export_bytes, settings.memory_bytes, most), settings.consent_sync_least_shards)


def shards_of(export_bytes: int, memory_bytes: int, most: int) -> int:
    """Into how many shards an export of that size is divided: a power of two, at most `most`, one if it fits.

    A run cannot do with less than AT_REST_BYTES; where the memory is hardly more, the shards are as small as can be.
    """
    room = max(1, memory_bytes - AT_REST_BYTES)
    needed = export_bytes * PLANNED_BYTES_PER_BYTE
    if needed <= room:
        return 1
    shards = 2
    while shards < most and needed * min(planners(), shards) > shards * room:
        shards *= 2
    return shards
