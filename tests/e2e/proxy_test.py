"""Each caller's own proxy and certificates.

But for a few, the daemon's configuration leads nowhere: what is reached is reached by
what the caller's environment says at the call.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.processes import wait_callers
from tests.e2e.proxies import Proxy
from tests.e2e.rows import start_machine
from tests.origin import Origin

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
HOST = "files.example.org"
GIT = "git.example.org"
SECRET = "s3cr3t0123456789"
LOGIN = f"me:{SECRET}"
DATA = b"weights" * 2000
HUBCONF = {"hubconf.py": 'def one():\n    """One."""\n    return 1\n'}
UNAVAILABLE = (1, "UPSTREAM_UNAVAILABLE")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST, GIT], plain_http=True) as running:
        running.add_file(HOST, "/model.bin", DATA)
        running.add_repo("o", "r", HUBCONF)
        yield running


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Its daemon runs, and knows of no way to the origin."""
    machine.config.write_text("[net]\ntries = 1\n")
    machine.daemon_pid()
    return machine


def ca(machine: Machine) -> str:
    return str(machine.top / "ca.pem")


def fetch(machine: Machine, url: str, **extra: str) -> str:
    path = machine.hubctl("fetch", url, code=0, **extra).stdout.strip()
    assert Path(path).read_bytes() == DATA
    return path


def fail(machine: Machine, url: str, *words: str, **extra: str) -> str:
    """Runs a fetch that must end so, whose words hold no secret."""
    done = machine.hubctl("--json", "fetch", url, code=UNAVAILABLE[0], **extra)
    error = json.loads(done.stdout)["error"]
    assert error["reason"] == UNAVAILABLE[1], error
    message = str(error["message"])
    assert message.isprintable()
    for word in words:
        assert word in message, message
    assert SECRET not in done.stdout + done.stderr
    return message


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize(
    "scheme", ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
)
@pytest.mark.parametrize("login", ["", LOGIN])
def test_everything_goes_by_the_callers_proxy(
    machine: Machine, origin: Origin, scheme: str, login: str
) -> None:
    with Proxy(origin, scheme, login) as proxy:
        way = {"HTTPS_PROXY": proxy.url(), "SSL_CERT_FILE": ca(machine)}
        fetch(machine, f"https://{HOST}/model.bin", **way)
        assert proxy.asked == [f"{HOST}:443"]
        for repo in ("o/r", f"{GIT}/o/r"):
            machine.hubctl("load", repo, "one", code=0, **way)
        assert {"github.com:443", "codeload.github.com:443", f"{GIT}:443"} <= set(
            proxy.asked
        )


def test_each_caller_has_its_own(machine: Machine, origin: Origin) -> None:
    origin.add_file(HOST, "/other.bin", DATA)
    with Proxy(origin) as one, Proxy(origin, "socks5h") as other:
        for proxy, name in ((one, "https_proxy"), (other, "ALL_PROXY")):
            way = {name: proxy.url(), "CURL_CA_BUNDLE": ca(machine)}
            fetch(
                machine,
                f"https://{HOST}/{'model' if proxy is one else 'other'}.bin",
                **way,
            )
            assert proxy.asked == [f"{HOST}:443"]
    # And who has none, none.
    origin.add_file(HOST, "/third.bin", DATA)
    fail(machine, f"https://{HOST}/third.bin")


@pytest.mark.parametrize("what", ["fetch", "load"])
def test_nobody_fails_by_anothers_proxy(
    machine: Machine, origin: Origin, what: str
) -> None:
    with Proxy(origin) as bad, Proxy(origin) as good:
        bad.cut = True
        bad.hold.clear()
        url = f"https://{HOST}/model.bin"
        asks = ["fetch", url] if what == "fetch" else ["load", f"{GIT}/o/r", "one"]
        command: list[str | Path] = [machine.hubctl_path, *asks]
        way = {"SSL_CERT_FILE": ca(machine)}
        first = machine.start(command, HTTPS_PROXY=bad.url(), **way)
        assert bad.arrived.wait(TIMEOUT)
        second = machine.start(command, HTTPS_PROXY=good.url(), **way)
        if what == "load":
            # Who has another network does not wait for its answer.
            assert good.arrived.wait(TIMEOUT)
        bad.hold.set()
        _, errors = first.communicate(timeout=TIMEOUT)
        assert first.returncode == UNAVAILABLE[0], errors
        _, errors = second.communicate(timeout=TIMEOUT)
        assert second.returncode == 0, errors


def test_what_another_fetched_meanwhile_is_not_fetched_again(
    machine: Machine, origin: Origin
) -> None:
    with Proxy(origin) as slow, Proxy(origin) as other:
        slow.hold.clear()
        asks: list[str | Path] = [
            machine.hubctl_path,
            "fetch",
            f"https://{HOST}/model.bin",
        ]
        way = {"SSL_CERT_FILE": ca(machine)}
        first = machine.start(asks, HTTPS_PROXY=slow.url(), **way)
        assert slow.arrived.wait(TIMEOUT)
        second = machine.start(asks, HTTPS_PROXY=other.url(), **way)
        wait_callers(machine, 2)
        slow.hold.set()
        for process in (first, second):
            _, errors = process.communicate(timeout=TIMEOUT)
            assert process.returncode == 0, errors
        assert origin.count(HOST) == 1
        assert not other.asked


def test_hosts_of_no_proxy_are_asked_themselves(
    machine: Machine, origin: Origin
) -> None:
    machine.stop_daemon()
    machine.configure()
    proxy = f"http://{LOGIN}@127.0.0.1:{closed_port()}"
    url = f"https://{HOST}/model.bin"
    fail(machine, url, "no connection to the proxy", HTTPS_PROXY=proxy)
    fail(machine, url, "HTTPS_PROXY", HTTPS_PROXY=proxy, NO_PROXY="ample.org, a.b")
    fetch(machine, url, HTTPS_PROXY=proxy, NO_PROXY="a.b, example.org")


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_wrong_credentials(machine: Machine, origin: Origin, scheme: str) -> None:
    with Proxy(origin, scheme, "me:right") as proxy:
        where = f"the proxy 127.0.0.1:{proxy.port} (https_proxy) does not take"
        for scheme_of_url in ("https", "http"):
            url = f"{scheme_of_url}://{HOST}/model.bin"
            variable = f"{scheme_of_url}_proxy"
            words = (where.replace("https_proxy", variable), "USER:PASSWORD@HOST:PORT")
            for login in (LOGIN, ""):
                fail(machine, url, *words, **{variable: proxy.url(login)})
        assert not proxy.asked
        listed = machine.hubctl("cache", "ls", "--json").stdout
        texts = [listed, machine.log()]
        for path in machine.store().rglob("*"):
            if path.is_file():
                texts.append(path.read_bytes().decode("latin-1"))
        assert not any(SECRET in text for text in texts)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_what_a_proxy_forbids_is_not_tried_again(
    machine: Machine, origin: Origin, scheme: str
) -> None:
    machine.stop_daemon()
    machine.config.write_text("[net]\ntries = 3\n")
    url = f"https://{HOST}/model.bin"
    with Proxy(origin, scheme) as proxy:
        proxy.forbids = True
        words = (f"the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY) does not connect",)
        fail(machine, url, *words, HTTPS_PROXY=proxy.url())
        assert proxy.asked == [f"{HOST}:443"]


def test_a_proxy_by_tls_shows_a_certificate(machine: Machine, origin: Origin) -> None:
    url = f"https://{HOST}/model.bin"
    with Proxy(origin, "https") as proxy:
        words = (f"of the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY) is not trusted",)
        fail(machine, url, *words, "SSL_CERT_FILE", HTTPS_PROXY=proxy.url())
        # One that speaks no TLS.
        with Proxy(origin, "socks5h") as plain:
            secure = plain.url().replace("socks5h:", "https:")
            fail(machine, url, "no secure connection to the", HTTPS_PROXY=secure)
            assert not plain.asked
        assert not proxy.asked


def test_plain_http_by_a_proxy(machine: Machine, origin: Origin) -> None:
    url = f"http://{HOST}/model.bin"
    with Proxy(origin, login=LOGIN) as proxy:
        # HTTP_PROXY is not read: a web server sets it from a request.
        fail(machine, url, HTTP_PROXY=proxy.url())
        fetch(machine, url, http_proxy=proxy.url())
        assert proxy.asked == [f"{HOST}:80"]


def test_what_is_no_proxy(machine: Machine) -> None:
    url = f"https://{HOST}/model.bin"
    for value in (f"ftp://{LOGIN}@p.org", f"http://me:{SECRET}/@p:1", "http://"):
        fail(machine, url, "HTTPS_PROXY is not the address of", HTTPS_PROXY=value)


def test_numbers_behind_a_proxy_are_judged(machine: Machine, origin: Origin) -> None:
    url = f"https://{HOST}/moved"
    origin.respond(HOST, "/moved", 302, {"Location": "https://127.0.0.1/model.bin"})
    with Proxy(origin) as proxy:
        done = machine.hubctl(
            "--json", "fetch", url, code=4,
            HTTPS_PROXY=proxy.url(), SSL_CERT_FILE=ca(machine),
        )  # fmt: skip
        assert json.loads(done.stdout)["error"]["reason"] == "URL_NOT_ALLOWED"
        assert proxy.asked == [f"{HOST}:443"]


def test_certificates_that_cannot_be_read(machine: Machine, origin: Origin) -> None:
    url = f"https://{HOST}/model.bin"
    garbage = machine.top / "garbage.pem"
    garbage.write_text("no certificate")
    with Proxy(origin) as proxy:
        way = {"HTTPS_PROXY": proxy.url()}
        fail(machine, url, "is not trusted", "SSL_CERT_FILE", **way)
        for file in (
            "/nonexistent/ca.pem",
            "relative.pem",
            str(machine.top),
            str(garbage),
        ):
            words = (f'SSL_CERT_FILE, "{file}", cannot be read', "PEM")
            fail(machine, url, *words, SSL_CERT_FILE=file, **way)
        fetch(machine, url, SSL_CERT_FILE=ca(machine), **way)


def test_the_daemons_own_environment_is_not_used(
    machine: Machine, origin: Origin
) -> None:
    machine.stop_daemon()
    with Proxy(origin) as proxy:
        way = {"HTTPS_PROXY": proxy.url(), "SSL_CERT_FILE": ca(machine)}
        machine.hubctl("status", code=0, **way)
        fail(machine, f"https://{HOST}/model.bin", HUBD_AUTOSTART="0")
        assert not proxy.asked


def test_what_the_daemons_configuration_says_counts_first(
    machine: Machine, origin: Origin
) -> None:
    machine.stop_daemon()
    with Proxy(origin) as own, Proxy(origin) as callers:
        text = f'[net]\nproxy = "{own.url()}"\nca_file = "{ca(machine)}"\n'
        machine.config.write_text(text)
        way = {"HTTPS_PROXY": callers.url(), "SSL_CERT_FILE": "/nonexistent"}
        fetch(machine, f"https://{HOST}/model.bin", **way)
        assert own.asked == [f"{HOST}:443"]
        assert not callers.asked


def test_a_system_daemon_uses_its_own_only(origin: Origin) -> None:
    machine = start_machine("system", origin)
    proxy = f"http://127.0.0.1:{closed_port()}"
    way = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": "/nonexistent"}
    try:
        fetch(machine, f"https://{HOST}/model.bin", **way)
        machine.hubctl("load", "o/r", "one", code=0, **way)
    finally:
        machine.close()


def test_python_lends_what_its_environment_has_at_the_call(
    machine: Machine, origin: Origin
) -> None:
    program = (
        "import os, sys, hubd\n"
        "from hubd import HubdError\n"
        "client = hubd.Client()\n"
        "url = sys.argv[1]\n"
        "try:\n"
        "    client.fetch_state_dict(url)\n"
        "except HubdError as error:\n"
        "    assert error.reason == 'UPSTREAM_UNAVAILABLE', error\n"
        "os.environ['all_proxy'], os.environ['SSL_CERT_FILE'] = sys.argv[2:]\n"
        "print(client.fetch_state_dict(url).path)\n"
    )
    with Proxy(origin, "socks5h", LOGIN) as proxy:
        done = machine.run(
            [
                sys.executable, "-c", program,
                f"https://{HOST}/model.bin", proxy.url(), ca(machine),
            ],
            PYTHONPATH=PYCLIENT,
        )  # fmt: skip
        assert Path(done.stdout.strip()).read_bytes() == DATA
        assert proxy.asked == [f"{HOST}:443"]
