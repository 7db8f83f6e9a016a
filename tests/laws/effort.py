"""How many examples the laws look at: few in `make test`, many with HYPOTHESIS_PROFILE=thorough or fuzz."""

import os

from hypothesis import HealthCheck, settings

FACTOR = {"thorough": 20, "fuzz": 40}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 1)


def examples(number: int) -> settings:
    """Settings for a law that looks at so many examples; the store may take its time, and is shared by all of them."""
    return settings(
        max_examples=number * FACTOR,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )
