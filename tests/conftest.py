"""For every test: how property tests draw their examples, and which tests begin.

Examples are the same ones for the same code, so that one commit has one verdict; `pytest --hypothesis-profile=search` draws
new ones each time, to look for what nobody has thought of.
"""

import pytest
from hypothesis import HealthCheck, settings

NOT_TIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}

settings.register_profile("same", derandomize=True, **NOT_TIMED)
settings.register_profile("search", print_blob=True, **NOT_TIMED)
settings.load_profile("same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first: at the end of a run the short ones keep every worker busy."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
