"""What is wrong or unusual in the sample data: how often, and what each mapping is to make of it."""

from __future__ import annotations

from typing import Final

from sample_data.acoustic_connect.oddities.addresses import ADDRESSES
from sample_data.acoustic_connect.oddities.attributes import ATTRIBUTES
from sample_data.acoustic_connect.oddities.consents import CONSENTS
from sample_data.acoustic_connect.oddities.duplicates import DUPLICATES
from sample_data.acoustic_connect.oddities.records import WHOLE_RECORDS

ODDITIES: Final = WHOLE_RECORDS + ADDRESSES + ATTRIBUTES + CONSENTS + DUPLICATES
