"""The requests that a plan asks for, and how long they will take, as far as that can be said beforehand."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.figures import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.destinations.foretelling import Foretold
    from pipeline.destinations.interface import Limits
    from pipeline.mapping_file import Delivery

ASSUMED_SECONDS: Final = 0.5
"""How long an answer is taken to need where planning had none to measure."""
MINUTE_SECONDS: Final = 60.0


class Forecast(BaseModel):
    """Requests to come if nothing goes wrong. `kinds`: by what the destination calls them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contacts: int = 0
    batches: int = 0
    requests: int = 0
    kinds: dict[str, int] = Field(default_factory=dict)
    looks: int = 0
    """Of `requests`: those by which `apply` looks at contacts once more before it raises a status."""
    seconds: float = 0.0
    basis: str = ""

    @property
    def said_time(self) -> str:
        """How long they take, in words."""
        return duration(self.seconds) if self.seconds >= 1 else "a second"


def forecast(
    foretold: Foretold, size: tuple[int, int], delivery: Delivery, limits: Limits, answers: Sequence[float]
) -> Forecast:
    """`size`: contacts, and the loads that they travel in. `answers`: seconds that each took while it was planned."""
    contacts, batches = size
    looks = foretold.looks
    requests = sum(foretold.requests.values()) + looks
    if not requests:
        return Forecast()
    answer = median(answers) if answers else ASSUMED_SECONDS
    measured = "as the destination took while this was planned" if answers else "assumed, since nothing was measured"
    at_once = min(delivery.concurrency, batches)
    rate = delivery.requests_per_second or limits.requests_per_second
    minute = None if delivery.requests_per_second else limits.requests_per_minute
    paces = [
        (
            (requests * answer + foretold.waiting_seconds) / at_once,
            f"{at_once} at a time and {duration(answer)} for each answer, {measured}"
            + (
                f", and {duration(foretold.waiting_seconds)} of waiting for batches" if foretold.waiting_seconds else ""
            ),
        )
    ]
    if rate:
        whose = "the mapping's pace" if delivery.requests_per_second else "the destination's pace"
        paces.append(((requests - 1) / rate, f"{whose} of {rate:g} requests a second"))
    if minute:
        paces.append(
            (
                (requests - 1) // minute * MINUTE_SECONDS,
                f"the destination's limit of {minute:,} requests a minute",
            )
        )
    seconds, basis = max(paces)
    return Forecast(
        contacts=contacts,
        batches=batches,
        requests=requests,
        kinds=dict(foretold.requests),
        looks=looks,
        seconds=round(seconds, 1),
        basis=f"{basis}; repeated requests and slower answers come on top",
    )
