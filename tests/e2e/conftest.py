"""Settings for tests with real services: several such test processes may run at the same time."""

from collections.abc import Iterator

import pytest

from flows import services
from tests.e2e.command import free_port

LONGEST = ("test_reannotation", "test_build", "test_review", "test_prefect", "test_labelling")
"""Minutes each, and begun first, so that processes that share the files end at about the same time."""


PATIENCE_S = 1500
"""Of a test and what it needs; a busy machine must not fail one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("services"):
            item.add_marker(pytest.mark.timeout(PATIENCE_S))
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def own_ports() -> Iterator[None]:
    """Services look for a free port from their usual one on; two that look at the same moment would find the same."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(services, "PORTS", {name: free_port() for name in services.PORTS})
        yield
