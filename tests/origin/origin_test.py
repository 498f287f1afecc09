"""Counters, control, and the ways to reach the origin."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tomllib

from tests.origin import DEFAULT_NAMES, Origin
from tests.origin.testing import ask, connect, git, repo_url

_BYTES = bytes(range(256)) * 1024


# Counters.


def test_counters_here_and_over_http(origin: Origin) -> None:
    origin.add_file("models.example.org", "/c/one", b"12345")
    connection = connect(origin)
    for _ in range(3):
        ask(origin, "models.example.org", "/c/one?x=1", connection=connection)
    ask(origin, "models.example.org", "/c/one", method="HEAD", connection=connection)

    assert origin.count("models.example.org", "/c/") == 3
    assert origin.count("models.example.org", "/c/", method="HEAD") == 1
    assert origin.count("github.com") == 0
    assert origin.bytes_sent("models.example.org", "/c/one") == 15
    assert origin.requests[0].target == "/c/one?x=1"
    assert origin.requests[0].headers["host"] == "models.example.org"
    table = ask(origin, "github.com", "/_origin/counters").body
    assert json.loads(table)["requests"][0] == {
        "method": "GET",
        "host": "models.example.org",
        "path": "/c/one",
        "requests": 3,
        "bytes": 15,
    }
    ask(origin, "github.com", "/_origin/reset")
    assert origin.requests == []
    connection.close()


# Control.


def test_gate_holds_after_n_bytes(origin: Origin) -> None:
    origin.add_file("models.example.org", "/g/held", _BYTES)
    gate = origin.hold("models.example.org", "/g/", after=70_000)
    connections = [connect(origin) for _ in range(2)]
    for connection in connections:
        connection.request("GET", "/g/held", headers={"Host": "models.example.org"})

    gate.wait_reached(2)

    assert origin.bytes_sent("models.example.org", "/g/") == 140_000
    responses = [connection.getresponse() for connection in connections]
    assert [response.read(70_000) for response in responses] == [_BYTES[:70_000]] * 2
    gate.release()
    assert [response.read() for response in responses] == [_BYTES[70_000:]] * 2
    assert ask(origin, "models.example.org", "/g/held").body == _BYTES
    for connection in connections:
        connection.close()


def test_gate_that_nobody_reaches_times_out(origin: Origin) -> None:
    with (
        origin.hold("models.example.org", "/never") as gate,
        pytest.raises(TimeoutError, match="0 of 1"),
    ):
        gate.wait_reached(timeout=0)


def test_gate_holds_git(origin: Origin) -> None:
    commit = origin.add_repo("a", "held", {"f": "0"})
    with ThreadPoolExecutor() as pool:
        with origin.hold("github.com", "/a/held/info/refs") as gate:
            running = pool.submit(git, origin, "ls-remote", repo_url(origin, "a/held"))
            gate.wait_reached()
            assert not running.done()
        assert commit in running.result()


def test_canned_answers(origin: Origin) -> None:
    host = "models.example.org"
    origin.add_file(host, "/r/file", b"good")
    origin.respond(host, "/r/", 503, {"Retry-After": "1"}, b"busy", times=2)
    answers = [ask(origin, host, "/r/file") for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert (answers[0].headers["Retry-After"], answers[0].body) == ("1", b"busy")

    rule = origin.respond(host, "/r/", 200, {"Content-Length": "100"}, b"cut off")
    with pytest.raises(http.client.IncompleteRead):
        ask(origin, host, "/r/file")
    rule.remove()

    rule = origin.respond(host, "/r/", 200, {"Connection": "close"}, b"no length")
    answer = ask(origin, host, "/r/file")
    assert (answer.body, answer.headers["Content-Length"]) == (b"no length", None)
    rule.remove()
    assert ask(origin, host, "/r/file").body == b"good"


def test_rules_for_ranges_that_are_not_the_first(origin: Origin) -> None:
    host = "models.example.org"
    origin.add_file(host, "/l/file", b"good")
    with origin.later_ranges_only():
        rules = [origin.respond(host, "/l/", 503), origin.cut(host, "/l/", after=0)]

    def status(wanted: str) -> int:
        headers = {"Range": wanted} if wanted else {}
        return ask(origin, host, "/l/file", headers).status

    wanted = ["", "bytes=0-1", "bytes=0-", "bytes=-2", "bytes=1-2", "bytes=2-"]
    assert [status(each) for each in wanted] == [200, 206, 206, 206, 503, 503]
    for rule in rules:
        rule.remove()
    assert status("bytes=1-2") == 206
    # What is added later is for all.
    origin.respond(host, "/l/", 500)
    assert status("") == 500


def test_rate_limit_can_be_removed_in_the_middle(origin: Origin) -> None:
    origin.add_file("models.example.org", "/slow", _BYTES)
    gate = origin.hold("models.example.org", "/slow", after=1)
    limit = origin.limit_rate(20, "models.example.org", "/slow")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(ask, origin, "models.example.org", "/slow")
        gate.wait_reached()
        gate.release()
        limit.remove()
        assert running.result().body == _BYTES


def test_stop_cuts_what_runs_and_start_comes_back(tmp_path: Path) -> None:
    with Origin(tmp_path, plain_http=True) as origin:
        port, ca = origin.port, origin.ca_file.read_bytes()
        origin.add_file("models.example.org", "/f", _BYTES)
        origin.hold("models.example.org", "/f", after=10)
        connection = connect(origin)
        connection.request("GET", "/f", headers={"Host": "models.example.org"})
        response = connection.getresponse()
        idle = connect(origin)
        idle.connect()
        response.read(10)

        origin.stop()

        with pytest.raises((http.client.IncompleteRead, OSError)):
            response.read()
        with pytest.raises(ConnectionRefusedError):
            connect(origin).connect()
        origin.start()
        assert (origin.port, origin.ca_file.read_bytes()) == (port, ca)
        assert ask(origin, "github.com", "/none").status == 404
        response.close()
        connection.close()
        idle.close()


# Other ways in.


def test_plain_http_and_proxy(origin: Origin) -> None:
    origin.add_file("models.example.org", "/p", b"through")
    context = ssl.create_default_context(cafile=str(origin.ca_file))
    proxy = f"http://127.0.0.1:{origin.http_port}"
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": proxy, "http": proxy}),
        urllib.request.HTTPSHandler(context=context),
    )

    for scheme in ("https", "http"):
        with opener.open(f"{scheme}://models.example.org/p") as response:
            assert response.read() == b"through"

    assert origin.count("models.example.org", "", method="CONNECT") == 1
    assert origin.count("models.example.org", "/p") == 2


def test_git_through_the_proxy_environment(origin: Origin) -> None:
    commit = origin.add_repo("a", "proxied", {"f": "0"})
    out = subprocess.run(
        ["git", "ls-remote", "https://github.com/a/proxied", "HEAD"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | origin.proxy_environment(),
    ).stdout
    assert out == f"{commit}\tHEAD\n"


def test_configuration(origin: Origin, tmp_path: Path) -> None:
    extra = 'proxy = ""\n[refs]\nttl = "0s"\n'
    path = origin.write_config(tmp_path / "hubd.toml", extra)

    config = tomllib.loads(path.read_text())

    assert config["net"]["ca_file"] == str(origin.ca_file)
    assert config["net"]["allow_address"] == ["127.0.0.1"]
    routes = config["net"]["connect_to"]
    assert routes[0] == f"github.com:443:127.0.0.1:{origin.port}"
    assert f"github.com:80:127.0.0.1:{origin.http_port}" in routes
    assert len(routes) == 2 * len(DEFAULT_NAMES)
    assert config["refs"]["ttl"] == "0s"


def test_certificate_is_for_all_names_and_no_other(tmp_path: Path) -> None:
    with Origin(tmp_path, extra_names=["more.example.net"]) as origin:
        context = ssl.create_default_context(cafile=str(origin.ca_file))
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
        for name in origin.names:
            _handshake(origin, context, name)
        with pytest.raises(ssl.SSLCertVerificationError):
            _handshake(origin, context, "not.example.net")


def _handshake(origin: Origin, context: ssl.SSLContext, name: str) -> None:
    with (
        socket.create_connection(("127.0.0.1", origin.port)) as raw,
        context.wrap_socket(raw, server_hostname=name),
    ):
        pass
