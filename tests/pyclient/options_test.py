from __future__ import annotations

import os

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


def test_a_commit_is_for_every_repo_or_for_those_that_are_named():
    assert _options.commit("o/r") == ""
    with hubd.options(commit="a" * 40):
        assert _options.commit("o/r:main") == "a" * 40
        with _options.of_hub_code():
            assert _options.commit("o/r") == ""
    # On GitHub letter case is nothing.
    chosen = {"O/R": "b" * 40, "git.example.org:8443/x/y": "c" * 40}
    with hubd.options(commit=chosen), _options.of_hub_code():
        for name in ("o/r", "o/r:feature/x", "https://github.com/o/r.git:main"):
            assert _options.commit(name) == "b" * 40
        assert _options.commit("git.example.org:8443/x/y:v1") == "c" * 40
        assert _options.commit("gitlab.com/o/r") == ""
        assert not _options.decided("o/other")


def test_a_lock_is_read_when_the_block_begins_and_holds_for_hub_code(home):
    lock = os.path.join(home, "some.lock")
    with open(lock, "w") as file:
        file.write("one")
    with hubd.options(locked=lock):
        os.unlink(lock)
        with _options.of_hub_code():
            assert _options.lock() == "one"
        with hubd.options(offline=True):
            assert _options.lock() == "one"
        with hubd.options(locked=False):
            assert _options.lock() is None
    assert _options.lock() is None


def test_a_lock_that_is_not_there_is_refused(home, monkeypatch):
    monkeypatch.chdir(home)
    with pytest.raises(hubd.InvalidArgument, match=r"hubd\.lock") as caught:
        with hubd.options(locked=True):
            pass
    assert caught.value.reason == "INVALID_LOCK"
