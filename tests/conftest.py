"""Settings for all tests."""

import os

from hypothesis import settings

# A busy machine must not fail a test; how fast things are is measured in benchmarks/. The same examples every time, so
# that what fails failed before; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("defectory", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "defectory"))
