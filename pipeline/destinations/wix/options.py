"""What a mapping may say under `options` for Wix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """`options:` of a mapping for Wix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opt_in_level: Literal["SINGLE_CONFIRMATION", "DOUBLE_CONFIRMATION"] = Field(
        "SINGLE_CONFIRMATION",
        description="How an OPT_IN was confirmed; OPT_IN_UNVERIFIED is always of a double opt-in.",
    )
    description: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="Kept with each activity, such as the name of the campaign or form."
    )
    known_consents: Literal["auto", "update", "bulk"] = Field(
        "auto",
        description="How consents that exist are written: one by one, guarded by their revision (`update`), or many at "
        "once, over whatever is there (`bulk`). `auto`: opt-outs by `bulk`, all else by `update`.",
    )
    max_body_bytes: Annotated[int, Field(ge=10_000)] = Field(1 << 20, description="Largest request body in bytes.")
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(30.0, description="Longest wait for one answer.")
    settle_seconds: Annotated[float, Field(ge=0)] = Field(
        30.0, description="How long a write may take to show on reading."
    )
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        200, description="The vendor's limit for a site, where the mapping names no `requests_per_second`."
    )
    throttled_seconds: Annotated[float, Field(ge=0)] = Field(60.0, description="The wait after a 429 that names none.")
