"""Hypothesis profiles for all tests: `--hypothesis-profile=thorough` looks thirty times as far."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine is slow now and then: that is no finding about the code.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=12, derandomize="CI" in os.environ, **_PATIENT)  # type: ignore[arg-type]
settings.register_profile("thorough", max_examples=400, **_PATIENT)  # type: ignore[arg-type]
settings.load_profile("quick")
