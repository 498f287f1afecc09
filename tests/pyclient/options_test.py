from __future__ import annotations

import pytest

import hubd
from hubd import _options


@pytest.mark.parametrize(
    "text, expected",
    [("30", 30), ("30s", 30), ("5m", 300), ("1h", 3600), ("500ms", 0.5), (2, 2)],
)
def test_seconds_reads_durations(text, expected):
    assert _options.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "5 minutes", "-1", "1d"])
def test_seconds_refuses_the_rest(text):
    with pytest.raises(ValueError, match="invalid timeout"):
        _options.seconds(text)


@pytest.mark.parametrize("variable", ["HUBD_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize(
    "value, expected", [("1", True), ("Yes", True), ("on", True), ("0", False)]
)
def test_the_environment_switches_the_network_off(
    monkeypatch, variable, value, expected
):
    monkeypatch.setenv(variable, value)
    assert _options.offline() is expected


def test_options_override_the_environment_and_end_with_the_block(monkeypatch):
    monkeypatch.setenv("HUBD_OFFLINE", "1")
    monkeypatch.setenv("HUBD_TIMEOUT", "5m")
    with hubd.options(offline=False, timeout="2s"):
        assert not _options.offline()
        assert _options.timeout(9) == 2
    assert _options.offline()
    assert _options.timeout(None) == 300
    assert _options.timeout(9) == 9


def test_inner_options_keep_what_they_do_not_name():
    with hubd.options(refresh=True, timeout=3), hubd.options(offline=True):
        assert _options.refresh()
        assert _options.offline()
        assert _options.timeout(None) == 3
    assert not _options.refresh()
