"""The code of these pages is tested: ``pytest --doctest-glob='*.md' docs`` in the repository."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore the warning that the pages explain: Dream's penguins lack a species of Biscoe's."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:source's column 'species' has values"))
