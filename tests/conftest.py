"""Settings for all tests."""

from hypothesis import settings

# A busy machine must not fail a test; how fast things are is measured in benchmarks/.
settings.register_profile("defectory", deadline=None)
settings.load_profile("defectory")
