"""What is wrong or unusual in the sample for iVvy: how often, and what each mapping is to make of it."""

from __future__ import annotations

from typing import Final

from sample_data.ivvy.oddities.consents import CONSENTS
from sample_data.ivvy.oddities.guests import GUESTS
from sample_data.ivvy.oddities.households import HOUSEHOLDS
from sample_data.ivvy.oddities.values import VALUES

ODDITIES: Final = GUESTS + VALUES + CONSENTS + HOUSEHOLDS
