from __future__ import annotations

from tests.bench.daemon import publish_times

LOG = """\
2026-11-29T01:02:03.004Z level=info event=ready
2026-11-29T01:02:03.500Z level=info event=publish url="https://h/1.bin" bytes=3
2026-11-29T01:02:04.000Z level=info event=publish repo=o/r commit=ab
2026-11-29T01:02:05.250Z level=info event=publish url="https://h/2.bin" bytes=3
"""


def test_the_log_tells_when_what_was_published() -> None:
    times = publish_times(LOG)
    assert sorted(times) == ["https://h/1.bin", "https://h/2.bin"]
    assert times["https://h/1.bin"] == 1795914123.5
    assert times["https://h/2.bin"] - times["https://h/1.bin"] == 1.75
