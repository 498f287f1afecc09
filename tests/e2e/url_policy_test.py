"""Which URLs and addresses a user's daemon and the system's may ask."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import fails, fetches, start_machine
from tests.origin import Origin

HOST = "models.example.org"
INSIDE = "inside.example.org"
ANY = b"any bytes"
_numbers = itertools.count()


class StrictOrigin(Origin):
    """It allows its own HTTPS port only, and leads INSIDE to another address."""

    def config_toml(self) -> str:
        inside = f'"{INSIDE}:443:127.0.0.2:{self.port}"'
        text = super().config_toml()
        text = text.replace("connect_to = [", f"connect_to = [\n  {inside},")
        return text.replace('["127.0.0.1"]', f'["127.0.0.1:{self.port}"]')


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with StrictOrigin(plain_http=True) as running:
        running.respond("", "/any", 200, body=ANY)
        yield running


@pytest.fixture(scope="module")
def system(origin: Origin) -> Iterator[Machine]:
    machine = start_machine("system", origin)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def proxied(origin: Origin) -> Iterator[Machine]:
    """A user behind a proxy, for whom every name is on the public internet."""
    proxy = f'proxy = "http://127.0.0.1:{origin.http_port}"\n'
    machine = start_machine("user", origin, proxy)
    yield machine
    machine.close()


def redirect(origin: Origin, target: str) -> str:
    """A URL that redirects there, of its own for each call."""
    path = f"/redirect-{next(_numbers)}"
    origin.respond(HOST, path, 302, {"Location": target})
    return f"https://{HOST}{path}"


OTHER_SCHEMES = [
    "ftp://models.example.org/any",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "gopher://models.example.org/_any",
    "scp://models.example.org/any",
    "sftp://models.example.org/any",
    "dict://models.example.org/any",
    "ldap://models.example.org/any",
    "smb://models.example.org/any",
    "git://models.example.org/any",
    "ws://models.example.org/any",
    "about:blank",
]
MALFORMED = [
    "",
    "https",
    "https:",
    "https://",
    "https:///any",
    "https:/models.example.org/any",
    "models.example.org/any",
    "//models.example.org/any",
    "https://models.example.org:0/any",
    "https://models.example.org:65536/any",
    "https://models.example.org:443x/any",
    "https://models.example.org: 443/any",
    "https://user@models.example.org/any",
    "https://user:password@models.example.org/any",
    "https://models.example.org\\@elsewhere.example/any",
    "https://models.example.org%00.elsewhere.example/any",
    "https://%6dodels.example.org/any",
    "https://127.0.0.%31/any",
    "https://b\u00fccher.example/any",
    "https://\uff11\uff12\uff17.0.0.1/any",
    "https://127\u30020\u30020\u30021/any",
    "https://models.example.org/a b",
    "https://models.example.org/a\tb",
    "https://models.example.org/a\nb",
    "https://models.example.org/\x1b[31m",
    "https://models.example.org/" + 8192 * "x",
    "https://[::1/any",
    "https://[::1]x/any",
    "https://[::g]/any",
    "https://[fe80::1%25lo]/any",
    "-https://models.example.org/any",
]


@pytest.mark.parametrize("url", OTHER_SCHEMES + MALFORMED)
def test_what_is_no_url_is_refused_without_a_request(
    any_mode: Machine, origin: Origin, url: str
) -> None:
    origin.reset_counters()
    words = ["invalid URL"]
    if url in OTHER_SCHEMES:
        words.append("open that path" if "file" in url.lower() else "only https://")
    arguments = ["fetch", "--any", "--", url]
    end = (2, "INVALID_URL")
    error = fails(any_mode, *arguments, words=tuple(words), end=end)
    assert "password" not in error["message"].replace("or a password", "")
    assert not origin.requests
    fetches(any_mode, f"https://{HOST}/any/{next(_numbers)}", ANY)


@pytest.mark.parametrize("target", [*OTHER_SCHEMES, "https://user@{host}/any", ":"])
def test_a_redirect_to_what_is_no_url(
    any_mode: Machine, origin: Origin, target: str
) -> None:
    url = redirect(origin, target.format(host=HOST))
    if target == ":":  # A path, as a browser reads it.
        fails(any_mode, "fetch", url, end=(5, "CHECKPOINT_NOT_FOUND"))
        return
    words = (url, "redirects: invalid URL")
    fails(any_mode, "fetch", url, end=(4, "URL_NOT_ALLOWED"), words=words)


def test_a_redirect_to_http(any_mode: Machine, origin: Origin) -> None:
    url = redirect(origin, f"http://{HOST}/any")
    fails(any_mode, "fetch", url, end=(4, "URL_NOT_ALLOWED"), words=(url, "http"))


# Loopback, in the forms that reach a server of the machine.
LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "localhost",
    "LOCALHOST",
    "any.localhost",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "0.0.0.0",
    "0",
]
NOT_PUBLIC = [
    *LOOPBACK,
    "127.0.0.2",
    "[::1]",
    "[::]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "2852039166",
    "10.0.0.1",
    "012.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "[::ffff:192.168.0.1]",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    INSIDE,
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_user_may_mean_the_machine_itself(
    user: Machine, origin: Origin, host: str
) -> None:
    fetches(user, f"http://{host}:{origin.http_port}/any/{host}", ANY)


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_a_system_daemon_asks_public_addresses_only(system: Machine, host: str) -> None:
    url = f"https://{host}/any"
    words = ("is not a public address", "allow_address")
    end = (4, "URL_NOT_ALLOWED")
    fails(system, "fetch", url, words=(url, *words), end=end)


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_a_system_daemon_is_not_redirected_inside(
    system: Machine, origin: Origin, host: str
) -> None:
    url = redirect(origin, f"https://{host}/any")
    words = ("is not a public address", "allow_address")
    fails(system, "fetch", url, end=(4, "URL_NOT_ALLOWED"), words=words)


@pytest.mark.parametrize("host", [*NOT_PUBLIC[:-1], "127.0.0.1.", "localhost."])
def test_a_user_is_not_redirected_from_a_public_host_to_one_inside(
    proxied: Machine, origin: Origin, host: str
) -> None:
    url = redirect(origin, f"https://{host}/any")
    origin.reset_counters()
    words = ("is not a public address", "a redirect from a public host")
    fails(proxied, "fetch", url, end=(4, "URL_NOT_ALLOWED"), words=words)
    assert not [seen for seen in origin.requests if seen.target.startswith("/any")]


def test_a_user_may_be_redirected_from_inside_to_inside(
    user: Machine, origin: Origin
) -> None:
    fetches(user, redirect(origin, f"https://127.0.0.1:{origin.port}/any"), ANY)


def test_a_system_daemon_asks_over_https_only(system: Machine, origin: Origin) -> None:
    for host in (HOST, "127.0.0.1"):
        url = f"http://{host}/any"
        words = (url, "https only", "allow_http")
        fails(system, "fetch", url, end=(4, "URL_NOT_ALLOWED"), words=words)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "2130706433", "169.254.169.254", INSIDE]
)
def test_a_system_daemon_asks_no_git_host_inside(system: Machine, host: str) -> None:
    repo = f"{host}/o/r"
    words = (repo, "is not a public address", "allow_address")
    fails(system, "load", repo, "one", end=(4, "URL_NOT_ALLOWED"), words=words)


@pytest.mark.parametrize("part", ["info/refs", "archive/"])
@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", INSIDE])
def test_a_git_host_redirects_inside(
    system: Machine, origin: Origin, part: str, host: str
) -> None:
    name = f"row-{next(_numbers)}"
    origin.add_repo("o", name, {"hubconf.py": "def one(): pass\n"})
    place = {"Location": f"https://{host}/o/{name}"}
    with origin.respond("github.com", f"/o/{name}/{part}", 302, place):
        error = system.json("load", f"o/{name}", "one", code=4)["error"]
        assert error["reason"] == "URL_NOT_ALLOWED"
        assert "is not a public address" in error["message"]
        assert not list(system.store("tmp").iterdir())
        assert name not in system.hubctl("cache", "ls").stdout
    system.hubctl("load", f"o/{name}", "one")
