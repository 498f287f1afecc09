from __future__ import annotations

import pytest

from tests.bench.stored import speed


def test_openssl_tells_bytes_a_second() -> None:
    assert speed("+H:16384\n+F:25:sha256:1739751424.00\n") == 1739751424


@pytest.mark.parametrize("said", ["", "+F:25:sha512:17.0\n", "+H:16384\n"])
def test_openssl_that_says_something_else_is_an_error(said: str) -> None:
    with pytest.raises(RuntimeError, match="something else"):
        speed(said)
