"""What hosts of models say of their bytes, and how they name them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import ORDINARY_UID, Machine
from tests.e2e.rows import fails, fetches, start_machine
from tests.origin import Origin

FACE = "huggingface.co"
CDN = "models.example.org"
DRIVE = "drive.google.com"
BUCKET = "bucket.s3.amazonaws.com"
GOOD, BAD = b"good" * 2000, b"<!DOCTYPE html><title>maintenance</title>"
RIGHT, WRONG = hashlib.sha256(GOOD).hexdigest(), hashlib.sha256(BAD).hexdigest()
MISMATCH = (7, "DIGEST_MISMATCH")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Origin]:
    with Origin(extra_names=(FACE, DRIVE, BUCKET)) as running:
        yield running


@pytest.fixture
def machine(hosts: Origin) -> Iterator[Machine]:
    machine = Machine(hosts)
    hosts.reset_counters()
    yield machine
    machine.close()


def repr_digest(data: bytes) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"Repr-Digest": f"md5=:AAAA:, sha-256=:{digest}:"}


def linked(data: bytes, target: str) -> dict[str, str]:
    """The headers of Hugging Face's redirect to a file of Git LFS."""
    return {
        "Location": target,
        "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
        "X-Linked-Size": str(len(data)),
        "X-Repo-Commit": "0" * 40,
    }


def test_hugging_face_s_digest_is_that_of_its_redirect(
    machine: Machine, hosts: Origin
) -> None:
    target = hosts.add_file(CDN, "/blob", GOOD)
    url = f"https://{FACE}/o/r/resolve/main/model.safetensors"
    with hosts.respond(FACE, "/o/r", 302, linked(GOOD, target)):
        fetches(machine, url, GOOD)
    hosts.reset_counters()
    other = f"https://{FACE}/o/other/resolve/main/model.safetensors"
    with hosts.respond(FACE, "/o/other", 302, linked(BAD, target)):
        words = (other, RIGHT, WRONG, "x-linked-etag of huggingface.co", "8000 bytes")
        fails(machine, "fetch", other, words=words, end=MISMATCH)
        # All of it, once more.
        assert hosts.count(CDN, "/blob") == 2
        # Who names these very bytes knows better.
        fetches(machine, other, GOOD, "--sha256", RIGHT)


def test_a_host_is_not_believed_about_another_s_link(
    machine: Machine, hosts: Origin
) -> None:
    hosts.add_file(CDN, "/blob", GOOD)
    headers = {"X-Linked-Etag": f'"{WRONG}"', "X-Linked-Size": "1"}
    url = f"https://{FACE}/o/third/resolve/main/model.bin"
    first = {"Location": f"https://{CDN}/blob"}
    with (
        hosts.respond(FACE, "/o/third", 302, first),
        hosts.respond(CDN, "/blob", 200, headers, GOOD),
    ):
        fetches(machine, url, GOOD)


def test_what_the_server_contradicts_is_fetched_once_more(
    machine: Machine, hosts: Origin
) -> None:
    url = hosts.add_file(CDN, "/once", GOOD)
    with hosts.respond(CDN, "/once", 200, repr_digest(GOOD), BAD, times=1):
        fetches(machine, url, GOOD)
    assert hosts.count(CDN, "/once") == 2
    with hosts.respond(CDN, "/always", 200, repr_digest(GOOD), BAD):
        url = f"https://{CDN}/always"
        words = (url, RIGHT, WRONG, "an HTML page of 41 bytes", f"Repr-Digest of {CDN}")
        fails(machine, "fetch", url, "--any", words=words, end=MISMATCH)
    assert hosts.count(CDN, "/always") == 2


def test_a_wrong_expected_digest_costs_one_request_and_tells_what_came(
    machine: Machine, hosts: Origin
) -> None:
    with hosts.respond(CDN, "/page", 200, {}, BAD):
        url = f"https://{CDN}/page"
        words = (url, RIGHT, WRONG, "the server sent an HTML page of 41 bytes")
        fails(
            machine, "fetch", url, "--any", "--sha256", RIGHT, words=words, end=MISMATCH
        )
        assert hosts.count(CDN, "/page") == 1
        # Of what is stored, too.
        machine.hubctl("fetch", url, "--any")
        fails(
            machine, "fetch", url, "--any", "--sha256", RIGHT, words=words, end=MISMATCH
        )
        assert hosts.count(CDN, "/page") == 2


def test_a_server_that_contradicts_itself_is_told(
    machine: Machine, hosts: Origin
) -> None:
    headers = {
        **repr_digest(GOOD),
        "x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode(),
    }
    with hosts.respond(CDN, "/both", 200, headers, GOOD):
        done = machine.hubctl("fetch", f"https://{CDN}/both")
    assert "the server contradicts itself" in done.stderr
    assert Path(done.stdout.strip()).read_bytes() == GOOD


def test_s3_s_checksum_is_that_of_a_range_that_is_all(
    machine: Machine, hosts: Origin
) -> None:
    digest = base64.b64encode(hashlib.sha256(GOOD).digest()).decode()
    headers = {
        "x-amz-checksum-sha256": digest,
        "Content-Range": f"bytes 0-{len(BAD) - 1}/{len(BAD)}",
    }
    url = f"https://{BUCKET}/range.bin"
    with hosts.respond(BUCKET, "/range.bin", 206, headers, BAD):
        words = (RIGHT, WRONG, f"x-amz-checksum-sha256 of {BUCKET}")
        fails(machine, "fetch", url, words=words, end=MISMATCH)
    headers["Content-Range"] = f"bytes 0-{len(GOOD) - 1}/{len(GOOD)}"
    with hosts.respond(BUCKET, "/range.bin", 206, headers, GOOD):
        fetches(machine, url, GOOD)


def test_google_drive_s_page_is_no_file(machine: Machine, hosts: Origin) -> None:
    page = (
        b"<html><style>.uc-error-caption,.uc-warning-caption{color:#222}</style>"
        b'<p class="uc-warning-caption">cannot scan</p></html>'
    )
    headers = {"Content-Type": "text/html; charset=utf-8"}
    url = f"https://{DRIVE}/uc?export=download&id=hidden"
    with hosts.respond(DRIVE, "/uc", 200, headers, page):
        for flags in [[], ["--any"]]:
            error = fails(
                machine, "fetch", url, *flags,
                end=(1, "UPSTREAM_UNAVAILABLE"),
                words=(f"https://{DRIVE}/uc", "virus scan", "confirm=t"),
            )  # fmt: skip
            assert "hidden" not in str(error)
    headers["Content-Disposition"] = 'attachment; filename="page.html"'
    with hosts.respond(DRIVE, "/uc", 200, headers, page):
        fetches(machine, url, page, "--any")


def by_s3(path: str, signature: str) -> str:
    return (
        f"https://{BUCKET}{path}?versionId=7&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential=AKIA-{signature}&X-Amz-Date=20260101T000000Z"
        f"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}"
    )


def by_cos(path: str, signature: str) -> str:
    return (
        f"https://{BUCKET}{path}?versionId=7&q-sign-algorithm=sha1&q-ak={signature}"
        f"&q-sign-time=1%3B2&q-key-time=1%3B2&q-signature={signature}"
    )


def expect_no_secret_is_kept(machine: Machine) -> None:
    machine.stop_daemon()
    kept = [path for path in machine.top.rglob("*") if path.is_file()]
    assert machine.store("index.sqlite3") in kept
    for path in kept:
        assert b"SECRET" not in path.read_bytes(), path


@pytest.mark.parametrize("signed", [by_s3, by_cos])
def test_a_url_that_is_signed_anew_is_a_hit_and_no_signature_is_kept(
    machine: Machine, hosts: Origin, signed: Callable[[str, str], str]
) -> None:
    hosts.add_file(BUCKET, "/m.bin", GOOD)
    fetches(machine, signed("/m.bin", "ONESECRET"), GOOD)
    with hosts.respond(BUCKET, "/m.bin", 403):
        fetches(machine, signed("/m.bin", "ANOTHERSECRET"), GOOD)
        assert hosts.count(BUCKET) == 1
        asked = hosts.requests[0].target
        assert signed("/m.bin", "ONESECRET") == f"https://{BUCKET}{asked}"
        fails(
            machine, "fetch", signed("/m.bin", "THIRDSECRET"), "--refresh",
            end=(4, "UPSTREAM_FORBIDDEN"), words=(f"https://{BUCKET}/m.bin",),
        )  # fmt: skip
    rows = json.dumps(machine.json("cache", "ls"))
    assert f"https://{BUCKET}/m.bin?versionId=7" in rows
    lock = machine.home / "hubd.lock"
    hosts.add_file(BUCKET, "/locked.bin", GOOD)
    machine.hubctl("lock", "--file", str(lock), signed("/locked.bin", "LASTSECRET"))
    # Without a name it is asked for without a signature.
    with hosts.respond(BUCKET, "/locked.bin", 403):
        done = machine.hubctl("lock", "--file", str(lock))
    assert "unchanged" in done.stdout
    assert "name the URL with a fresh one" in done.stderr
    assert RIGHT in lock.read_text()
    expect_no_secret_is_kept(machine)


def test_another_token_is_another_object_and_none_is_kept(
    machine: Machine, hosts: Origin
) -> None:
    url = f"https://{CDN}/download?token="
    for token, data in (("ONESECRET", GOOD), ("ANOTHERSECRET", BAD)):
        hosts.add_file(CDN, "/download", data)
        fetches(machine, url + token, data, "--any")
        assert hosts.requests[-1].target == f"/download?token={token}"
    hosts.reset_counters()
    fetches(machine, url + "ONESECRET", GOOD)
    assert not hosts.requests
    expect_no_secret_is_kept(machine)


def test_a_release_is_known_by_its_own_url(machine: Machine, hosts: Origin) -> None:
    """It redirects to another signed URL each time; the bytes are those of before."""
    hosts.add_file(BUCKET, "/asset", GOOD)
    url = f"https://{CDN}/o/r/releases/download/v1/w.bin"
    for signature in ("ONESECRET", "ANOTHERSECRET"):
        to = {"Location": by_s3("/asset", signature)}
        hosts.reset_counters()
        with hosts.respond(CDN, "/o/r", 302, to):
            fetches(machine, url, GOOD, "--refresh")
    (seen,) = [one for one in hosts.requests if one.target.startswith("/asset")]
    assert "if-none-match" in seen.headers
    assert hosts.bytes_sent(BUCKET) == 0
    (row,) = machine.json("cache", "ls")["checkpoints"]
    assert (row["url"], row["sha256"]) == (url, RIGHT)
    expect_no_secret_is_kept(machine)


def test_a_daemon_of_many_users_takes_no_signed_url(hosts: Origin) -> None:
    with contextlib.closing(start_machine("system", hosts)) as machine:
        hosts.add_file(BUCKET, "/shared.bin", GOOD)
        hosts.reset_counters()
        fails(
            machine, "fetch", by_s3("/shared.bin", "SECRET"),
            end=(4, "URL_NOT_ALLOWED"),
            words=(f"https://{BUCKET}/shared.bin", "a daemon of your own"),
        )  # fmt: skip
        assert hosts.count(BUCKET) == 0
        # Where a host leads is its own way.
        url = f"https://{CDN}/release.bin"
        to = {"Location": by_s3("/shared.bin", "SECRET")}
        with hosts.respond(CDN, "/release.bin", 302, to):
            fetches(machine, url, GOOD)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_no_other_user_is_told_the_query_of_a_url(hosts: Origin) -> None:
    with contextlib.closing(start_machine("system", hosts)) as machine:
        hosts.add_file(CDN, "/k.bin", GOOD)
        url = f"https://{CDN}/k.bin"
        fetches(machine, f"{url}?k=SECRET", GOOD)
        (row,) = machine.json("cache", "ls")["checkpoints"]
        assert row["url"] == f"{url}?k=SECRET"
        machine.uid = ORDINARY_UID
        (row,) = machine.json("cache", "ls")["checkpoints"]
        assert row["url"] == url
