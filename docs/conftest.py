"""The code in these pages is tested: ``pytest --doctest-glob='*.md' docs``, in the repository's root."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        # the penguins of Dream lack a species of Biscoe, which is what the pages are about
        item.add_marker(pytest.mark.filterwarnings("ignore:source's column 'species' has values"))
