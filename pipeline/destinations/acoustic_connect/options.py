"""What a mapping may say under `options` for Acoustic Connect."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.destinations.acoustic_connect.wire import Generation

KEPT_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade", "x-api-key"}
)
"""What the connection and the settings say."""
_HEADER: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_TEXT: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")


class Options(BaseModel):
    """`options:` of a mapping for Acoustic Connect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_set_id: str | None = Field(None, description="The audience. Needed by the dataset generation.")
    api_generation: Generation = Field("dataset", description="Which of the vendor's two schemas the account has.")
    extra_headers: dict[str, str] = Field(
        default_factory=dict, description="Sent with every request, e.g. a region; not the key."
    )
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

    @field_validator("extra_headers")
    @classmethod
    def _are_free(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.lower() in KEPT_HEADERS:
                raise ValueError(f"`{name}` is not a mapping's to say: the connection or the settings do")
            if not _HEADER.fullmatch(name) or not _TEXT.fullmatch(value):
                raise ValueError(f"`{name}` and what it says cannot be a header")
        return headers

    @property
    def opts_email_in(self) -> bool:
        """Whether silence on EMAIL is taken as an opt-in when a contact is created."""
        implicit = self.implicit_email_opt_in
        return self.api_generation == "dataset" if implicit is None else implicit
