from __future__ import annotations

import time

import pytest

from hubd import _progress
from hubd._types import Progress


class _Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def _download(done, total=4096):
    return Progress("downloading", "https://h/f", done, total)


def _run(clock, enabled=True):
    with _progress.Bar(enabled, clock) as bar:
        bar(_download(1024))
        clock.now = 0.6
        bar(_download(2048))
        bar(_download(4096))


def test_a_bar_appears_after_half_a_second(capsys):
    clock = _Clock()
    with _progress.Bar(True, clock) as bar:
        clock.now = 0.4
        bar(_download(1024))
        assert capsys.readouterr().err == ""
        clock.now = 0.6
        bar(_download(4096))
    assert "4.00k/4.00k" in capsys.readouterr().err


@pytest.mark.parametrize("variable, enabled", [("1", False), ("0", True)])
def test_progress_can_be_silenced(capsys, monkeypatch, variable, enabled):
    monkeypatch.setenv("HUBD_PROGRESS", variable)
    _run(_Clock(), enabled)
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


def test_without_tqdm_a_plain_line_appears_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "tqdm_class", lambda: None)
    clock = _Clock()
    _run(clock)
    assert capsys.readouterr().err == "downloading https://h/f: 0.0 of 0.0 MiB\n"
    with _progress.Bar(True, clock) as bar:
        clock.now += 1
        bar(_download(1 << 20, 0))
    assert capsys.readouterr().err == "downloading https://h/f: 1.0 MiB\n"


_RESUME_AT = int(time.time()) + 3600
_UNTIL = time.strftime("%H:%M:%S", time.localtime(_RESUME_AT))


def _wait(done, resume_at=_RESUME_AT):
    return Progress("waiting", "https://h/f", done, 4096, 0, 1, "it broke", resume_at)


def test_a_wait_says_until_when_and_why(capsys):
    clock = _Clock()
    with _progress.Bar(True, clock) as bar:
        clock.now = 0.6
        bar(_wait(1024))
        assert f"waiting until {_UNTIL}: it broke" in capsys.readouterr().err
        bar(_download(2048))
        assert bar._bar.postfix == ""


def test_a_bar_says_that_it_connects(capsys):
    clock = _Clock()
    with _progress.Bar(True, clock) as bar:
        clock.now = 0.6
        bar(Progress("connecting", "https://h/f", 1024, 4096))
        assert "connecting" in capsys.readouterr().err
        bar(_download(2048))
        assert bar._bar.postfix == ""


def test_a_wait_that_is_soon_over_is_not_drawn(capsys):
    clock = _Clock()
    with _progress.Bar(True, clock) as bar:
        clock.now = 0.6
        bar(_wait(1024, int(time.time())))
    assert capsys.readouterr().err == ""


def test_a_wait_is_told_without_tqdm(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "tqdm_class", lambda: None)
    clock = _Clock()
    with _progress.Bar(True, clock) as bar:
        clock.now = 0.6
        bar(_wait(1024))
    assert capsys.readouterr().err == (
        f"waiting https://h/f: 0.0 of 0.0 MiB, until {_UNTIL}: it broke\n"
    )


def test_a_call_that_begins_again_moves_the_bar_back(capsys):
    clock = _Clock()
    with _progress.Bar(True, clock) as bar:
        clock.now = 1
        bar(_download(4096))
        bar(_download(1024))
        assert bar._bar.n == 1024
