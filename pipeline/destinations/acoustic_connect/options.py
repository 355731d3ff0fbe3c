"""What a mapping may say under `options` for Acoustic Connect."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.destinations.acoustic_connect.wire import Generation


class Options(BaseModel):
    """`options:` of a mapping for Acoustic Connect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_set_id: str | None = Field(None, description="The audience. Needed by the dataset generation.")
    api_generation: Generation = Field("dataset", description="Which of the vendor's two schemas the account has.")
    extra_headers: dict[str, str] = Field(default_factory=dict, description="Sent with every request, e.g. a region.")
    max_body_bytes: Annotated[int, Field(ge=10_000)] = Field(1 << 20, description="Largest request body in bytes.")
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(35.0, description="Longest wait for one answer.")
    settle_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0, description="How long a write may take to show on reading."
    )
    implicit_email_opt_in: bool | None = Field(
        None,
        description="Whether the platform opts a new contact with an e-mail address in where nothing is said of it; "
        "left out: so in the dataset generation.",
    )
    read_page_size: Annotated[int, Field(ge=1, le=1000)] = Field(100, description="Contacts read at once.")

    @property
    def opts_email_in(self) -> bool:
        """Whether silence on EMAIL is taken as an opt-in when a contact is created."""
        implicit = self.implicit_email_opt_in
        return self.api_generation == "dataset" if implicit is None else implicit
