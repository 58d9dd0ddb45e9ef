"""Property-based tests: as many examples as the fast lane has time for, the same ones every time."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fast_lane",
    max_examples=60,
    deadline=None,  # other people work on this machine, too
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a folder is emptied by the test itself
)
settings.load_profile("fast_lane")
