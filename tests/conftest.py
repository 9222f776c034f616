"""How property tests draw their examples: the same ones for the same code, so that one commit has one verdict.

`pytest --hypothesis-profile=search` draws new ones each time, to look for what nobody has thought of.
"""

from hypothesis import HealthCheck, settings

NOT_TIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}

settings.register_profile("same", derandomize=True, **NOT_TIMED)
settings.register_profile("search", print_blob=True, **NOT_TIMED)
settings.load_profile("same")
