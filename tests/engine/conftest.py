"""The same generated examples in every run, or fresh ones on request."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The same examples in every run, unless FADEFOLLOW_EXAMPLES asks for that many fresh ones.
_checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("fixed", derandomize=True, deadline=None, suppress_health_check=_checks)
_profile = "fixed"
if "FADEFOLLOW_EXAMPLES" in os.environ:
    _profile = "fresh"
    settings.register_profile(
        "fresh",
        max_examples=int(os.environ["FADEFOLLOW_EXAMPLES"]),
        derandomize=False,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=_checks,
    )
settings.load_profile(_profile)
