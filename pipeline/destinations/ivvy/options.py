"""What a mapping may say under `options` for iVvy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.destinations.ivvy.wire import MOST_JOBS


class Options(BaseModel):
    """`options:` of a mapping for iVvy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="A name for the account, where one home serves several of a region; left out: the host."
    )
    bulk: Literal["auto", "always", "never"] = Field(
        "auto", description="Whether calls travel as batches; `auto`: where more than ten would be made."
    )
    new_contact_status: Literal["NO_MARKETING", "OPT_OUT"] | None = Field(
        None,
        description="The e-mail status of a new contact of whose consent nothing is said; left out: it is held, since "
        "the platform would subscribe it.",
    )
    sms_status: bool = Field(False, description="The account still has `smsStatus`, withdrawn on 2026-06-30.")
    find_by: Literal["filter", "scan"] = Field(
        "filter", description="How contacts are found by address: by a filter, or by reading the whole list once."
    )
    external_url_labels: dict[str, str] = Field(
        default_factory=dict, description="Label by reference, for `externalUrl:REFERENCE` attributes."
    )
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(30.0, description="Longest wait for one answer.")
    settle_seconds: Annotated[float, Field(ge=0)] = Field(
        10.0, description="How long a write may take to show on reading."
    )
    poll_seconds: Annotated[float, Field(ge=0)] = Field(
        2.0, description="The first wait for a batch; each further one is half as long again, up to 30."
    )
    batch_seconds: Annotated[float, Field(gt=0)] = Field(
        3600.0, description="How long a batch is waited for; then its rows are read back."
    )
    jobs_per_batch: Annotated[int, Field(ge=1, le=MOST_JOBS)] = Field(MOST_JOBS, description="Calls in one batch.")
    requests_per_second: Annotated[float, Field(gt=0)] = Field(
        2.0, description="The pace, where the mapping names no `delivery.requests_per_second`; the vendor names none."
    )
