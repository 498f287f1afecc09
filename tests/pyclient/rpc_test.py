from __future__ import annotations

import os
import subprocess
import sys
import threading

import grpc
import pytest

import hubd
from conftest import PYCLIENT
from fake_daemon import Failure, FakeDaemon
from hubd import _rpc
from hubd.v1 import error_pb2

_DRAINING = Failure(grpc.StatusCode.UNAVAILABLE, "DRAINING", "about to end", {})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(_rpc, "_FIRST_PAUSE_SECONDS", 0.001)


def test_draining_is_asked_again_and_the_caller_sees_the_answer(daemon):
    for _ in range(3):
        daemon.fail("GetDir", _DRAINING)
    assert hubd.Client().get_dir() == daemon.root
    assert len(daemon.named("GetDir")) == 4


_LOST = Failure(grpc.StatusCode.UNAVAILABLE, "", "Socket closed", {})


@pytest.mark.parametrize("failure, calls", [(_LOST, 6), (_DRAINING, 43)])
def test_it_gives_up_in_the_end(daemon, monkeypatch, failure, calls):
    monkeypatch.setattr(_rpc, "_LONGEST_PAUSE_SECONDS", 0.001)
    daemon.fail("GetDir", failure, always=True)
    with pytest.raises(hubd.HubdError) as caught:
        hubd.Client().get_dir()
    assert caught.value.reason == failure.reason
    assert len(daemon.named("GetDir")) == calls


@pytest.mark.parametrize("method", ["Verify", "Repair"])
@pytest.mark.parametrize("failure", [_LOST, _DRAINING])
def test_what_removes_is_asked_again_only_where_it_has_not_begun(
    daemon, method, failure
):
    cache = hubd.Client().cache
    ask = cache.verify if method == "Verify" else cache.repair
    daemon.fail(method, failure)
    assert ask().complete
    assert len(daemon.named(method)) == 2
    daemon.breaks = failure
    with pytest.raises(hubd.HubdError, match="run it again") as caught:
        ask()
    assert caught.value.code == "ABORTED"
    assert len(daemon.named(method)) == 3


def test_what_is_too_large_is_said_and_not_repeated(daemon):
    with pytest.raises(hubd.HubdError, match="too large for hubd") as caught:
        hubd.Client().fetch_state_dict("https://h/" + "x" * (5 << 20))
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert not daemon.named("FetchStateDict")


def test_a_repetition_connects_anew(daemon):
    client = hubd.Client()
    client.get_dir()
    before = _rpc._open[daemon.socket]
    client.get_dir()
    assert _rpc._open[daemon.socket] is before
    daemon.fail("GetDir", _DRAINING)
    client.get_dir()
    assert _rpc._open[daemon.socket] is not before


@pytest.mark.parametrize("reason", ["UPSTREAM_UNAVAILABLE", "RATE_LIMITED"])
def test_what_the_origin_says_is_not_repeated(daemon, reason):
    daemon.fail("GetDir", Failure(grpc.StatusCode.UNAVAILABLE, reason, "no", {}))
    with pytest.raises(hubd.UpstreamError):
        hubd.Client().get_dir()
    assert len(daemon.named("GetDir")) == 1


def test_a_daemon_that_was_replaced_is_found_again(daemon):
    client = hubd.Client()
    assert client.get_dir() == daemon.root
    daemon.stop()
    successor = FakeDaemon(daemon.root, daemon.socket + "2")
    successor.start()
    try:
        assert client.get_dir() == daemon.root
        assert len(successor.named("GetDir")) == 1
    finally:
        successor.stop()


def test_a_call_whose_connection_breaks_goes_on_with_the_next_daemon(daemon):
    daemon.urls["https://h/f"] = b"bytes"
    daemon.hold = threading.Event()
    successor = FakeDaemon(daemon.root, daemon.socket + "2")
    successor.urls = daemon.urls

    def replace(progress):
        successor.start()
        threading.Thread(target=daemon.stop).start()

    from hubd.v1 import hub_pb2

    daemon.progress = [hub_pb2.Progress(phase=hub_pb2.Progress.DOWNLOADING)]
    try:
        found = hubd.Client().fetch_state_dict("https://h/f", progress=replace)
    finally:
        successor.stop()
    assert open(found.path, "rb").read() == b"bytes"
    assert len(successor.named("FetchStateDict")) == 1


def test_the_deadline_bounds_the_whole_call(daemon):
    daemon.urls["https://h/f"] = b"bytes"
    daemon.hold = threading.Event()
    with pytest.raises(hubd.DeadlineExceeded), hubd.options(timeout="200ms"):
        hubd.Client().fetch_state_dict("https://h/f")


def test_a_callback_that_raises_ends_the_call(daemon):
    from hubd.v1 import hub_pb2

    daemon.urls["https://h/f"] = b"bytes"
    daemon.hold = threading.Event()
    daemon.progress = [hub_pb2.Progress(phase=hub_pb2.Progress.QUEUED)]

    def stop(progress):
        raise KeyboardInterrupt

    # Whoever keeps the exception keeps the call's objects, too.
    with pytest.raises(KeyboardInterrupt) as caught:
        hubd.Client().fetch_state_dict("https://h/f", progress=stop)
    assert caught.value is not None
    assert daemon.ended.wait(10)


def test_an_error_carries_what_the_daemon_said(daemon):
    worker = error_pb2.WorkerExit(
        kind=error_pb2.WorkerExit.FAILED, exception="KeyError", exit_status=1
    )
    failure = Failure(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ENTRYPOINT_FAILED",
        "it raised",
        {"entrypoint": "net"},
        worker,
    )
    daemon.fail("List", failure)
    with pytest.raises(hubd.HubconfError) as caught:
        hubd.Client().list("own/repo")
    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.metadata == {"entrypoint": "net"}
    assert caught.value.worker_exit.kind == "FAILED"
    assert caught.value.worker_exit.exception == "KeyError"


def _printed_by(program, **environment):
    """What a Python of its own prints that runs `program` to its end."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": PYCLIENT, **environment},
        stdout=subprocess.PIPE,
        timeout=60,
        text=True,
        check=True,
    ).stdout


_FORKS = """
import os, sys, hubd
from hubd import _rpc
client = hubd.Client()
print(client.get_dir(), flush=True)
pids = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        assert not _rpc._open
        print(client.get_dir(), flush=True)
        os._exit(0)
    pids.append(pid)
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
print(client.get_dir(), flush=True)
"""


def test_children_of_a_fork_call_over_channels_of_their_own(daemon):
    assert _printed_by(_FORKS).split() == [daemon.root] * 5


# A function to run in the child makes subprocess fork, and close all descriptors
# before the child becomes the program.
_PROGRAMS = """
import collections, subprocess, hubd
hubd.Client().get_dir()
print(collections.Counter(
    subprocess.run(["/bin/true"], preexec_fn=lambda: None).returncode
    for _ in range(200)
))
"""


def test_programs_can_be_started_beside_a_channel(daemon):
    assert _printed_by(_PROGRAMS) == "Counter({0: 200})\n"


def test_grpc_fork_support_is_on_before_grpc_is_imported():
    assert os.environ.get("GRPC_ENABLE_FORK_SUPPORT") == "1"


@pytest.mark.parametrize("chosen", ["", "epoll1"])
def test_how_grpc_polls_is_not_left_to_programs_that_are_started(daemon, chosen):
    given = {"GRPC_POLL_STRATEGY": chosen} if chosen else {}
    program = (
        "import os, hubd; hubd.Client().get_dir();"
        "print(os.environ.get('GRPC_POLL_STRATEGY', ''))"
    )
    assert _printed_by(program, **given).strip() == chosen
