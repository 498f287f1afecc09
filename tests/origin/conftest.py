"""The origin that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.origin import Origin


@pytest.fixture(scope="module")
def shared() -> Iterator[Origin]:
    with Origin(plain_http=True) as running:
        yield running


@pytest.fixture
def origin(shared: Origin) -> Origin:
    shared.reset_counters()
    return shared
