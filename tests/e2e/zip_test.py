"""Hostile, odd and damaged zip archives where a checkpoint is to be unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.origin import Origin

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
MODELS = "models.example.org"
LIMITS = '[tree]\nmax_entries = 1000\nmax_bytes = "8MiB"\n'
PLAIN = stat.S_IFREG | 0o644

# Asks for all in one process; prints what came of each.
PROGRAM = """
import hubd, json, sys
def ask(url, unpack=True):
    try:
        found = hubd.Client().fetch_state_dict(url, unpack=unpack)
    except hubd.HubdError as error:
        return {"reason": error.reason, "message": error.message}
    return {"path": found.unpacked_path, "members": found.members,
            "plain": found.path}
print(json.dumps({url: [ask(url), ask(url, False)] for url in json.load(sys.stdin)}))
"""


def packed(
    *members: tuple[str, bytes],
    mode: int = PLAIN,
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.create_system = mode << 16, 3
            info.compress_type = method
            archive.writestr(info, data)
    return buffer.getvalue()


def patched(
    data: bytes, *, local: tuple[int, bytes] | None, central: tuple[int, bytes] | None
) -> bytes:
    """The archive with other bytes at an offset of its first headers."""
    changed = bytearray(data)
    for magic, patch in ((b"PK\3\4", local), (b"PK\1\2", central)):
        if patch is not None:
            at = data.index(magic) + patch[0]
            changed[at : at + len(patch[1])] = patch[1]
    return bytes(changed)


GOOD = packed(("m/", b""), ("m/weight", b"w" * 100))
LONG_FOLDER = ("n" * 200 + "/") * 19
SMALL = packed(("a", b"content"))
STORED = packed(("a", b"content" * 100), method=zipfile.ZIP_STORED)
ENCRYPTED = struct.pack("<H", 1)
LINKS = packed(("l", b"d"), mode=stat.S_IFLNK | 0o777)

BAD = {
    "dots": (packed(("../evil", b"x")), '".."'),
    "dots-inside": (packed(("m/../../evil", b"x")), '".."'),
    "absolute": (packed(("/tmp/evil", b"x")), "absolute"),
    "empty-part": (packed(("m//x", b"x")), "empty"),
    "duplicate": (packed(("a", b"1"), ("b", b"2")).replace(b"b", b"a"), "already"),
    "file-and-folder": (packed(("a", b"1"), ("a/b", b"2")), "needs a folder"),
    "long-name": (packed(("n" * 300, b"1")), "255 bytes"),
    "device": (packed(("d", b""), mode=stat.S_IFCHR | 0o644), "device"),
    "encrypted": (
        patched(STORED, local=(6, ENCRYPTED), central=(8, ENCRYPTED)),
        "Passphrase",
    ),
    "bad-utf8": (
        patched(
            packed(("gr\u00fcn", b"")),
            local=(30, b"gr\xff\xff"),
            central=(46, b"gr\xff\xff"),
        ),
        "UTF-8",
    ),
    "wrong-sum": (patched(SMALL, local=None, central=(16, b"\0\0\0\0")), "CRC"),
    "method": (
        patched(SMALL, local=(8, b"\x63\0"), central=(10, b"\x63\0")),
        "damaged",
    ),
    "nothing": (packed(), "damaged"),
    "cut": (GOOD[:-30], "damaged"),
    "cut-early": (GOOD[:40], "damaged"),
    "bomb": (packed(("z", bytes(16 << 20))), "[tree] max_ratio"),
    "bytes": (
        packed(("z", os.urandom(9 << 20)), method=zipfile.ZIP_STORED),
        "[tree] max_bytes",
    ),
    "entries": (packed(*((str(i), b"") for i in range(1001))), "[tree] max_entries"),
    "names": (
        packed(*((f"{LONG_FOLDER}{i}", b"") for i in range(900))),
        "over 3 MiB together",
    ),
}
TAKEN = {
    "good": (GOOD, ["m/", "m/weight"]),
    "git": (packed((".git/config", b"evil"), ("a", b"1")), ["a"]),
    "set-uid": (packed(("a", b"1"), mode=stat.S_IFREG | 0o6755), ["a"]),
    "link": (LINKS, ["l"]),
    "outward": (packed(("l", b"../../x"), mode=stat.S_IFLNK | 0o777), ["l"]),
    "cases": (packed(("a", b"1"), ("A", b"2")), ["a", "A"]),
    "odd-names": (packed(("back\\slash", b"1"), ("\x1b[31m", b"2")), None),
    "fifo": (packed(("d", b""), mode=stat.S_IFIFO | 0o644), ["d"]),
    "stored": (STORED, ["a"]),
    "comment": (GOOD[:-2] + b"\3\0abc", ["m/", "m/weight"]),
    "two-names": (patched(SMALL, local=(30, b"b"), central=None), ["b"]),
}
# Begins otherwise, so it is a checkpoint as it is.
NO_ZIP = b"#!/bin/sh\n" + GOOD


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Origin() as origin:
        machine = Machine(origin)
        machine.configure(LIMITS)
        try:
            yield machine
        finally:
            machine.close()


@pytest.fixture(scope="module")
def results(machine: Machine) -> dict[str, Any]:
    """What came of each case: with unpacking, then without."""
    every = {name: data for name, (data, _) in {**BAD, **TAKEN}.items()}
    every["no-zip"] = NO_ZIP
    urls = {
        machine.origin.add_file(MODELS, f"/{name}.zip", data): name
        for name, data in every.items()
    }
    asked = machine.home / "urls.json"
    asked.write_text(json.dumps(list(urls)))
    program = PROGRAM.replace("sys.stdin", f"open({str(asked)!r})")
    done = machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
    answers = json.loads(done.stdout)
    return {urls[url]: answer for url, answer in answers.items()}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_zip_is_not_unpacked(
    machine: Machine, results: dict[str, Any], name: str
) -> None:
    data, why = BAD[name]
    unpacked, plain = results[name]
    assert unpacked["reason"] == "BAD_ARCHIVE"
    assert why in unpacked["message"]
    assert f"{MODELS}/{name}.zip" in unpacked["message"]
    assert unpacked["message"].isprintable()
    digest = hashlib.sha256(data).hexdigest()
    assert not machine.store("unpacked", digest).exists()
    assert os.listdir(machine.store("tmp")) == []
    # The bytes are what the URL gives, so they are a checkpoint all the same.
    assert Path(plain["plain"]).read_bytes() == data


@pytest.mark.parametrize("name", TAKEN)
def test_an_odd_zip_is_unpacked(
    machine: Machine, results: dict[str, Any], name: str
) -> None:
    _, members = TAKEN[name]
    unpacked, _ = results[name]
    assert members is None or unpacked["members"] == members, unpacked
    tree = Path(unpacked["path"])
    for path in tree.rglob("*"):
        assert path.is_symlink() or path.is_file() or path.is_dir()
        assert path.is_symlink() or stat.S_IMODE(path.stat().st_mode) in (0o444, 0o555)
    if name == "outward":
        assert (tree / "l").read_text() == "../../x"
    assert "\x1b" not in "".join(unpacked["members"])


def test_what_does_not_begin_as_a_zip_is_left_as_it_is(
    results: dict[str, Any],
) -> None:
    unpacked, _ = results["no-zip"]
    assert unpacked["path"] == ""
    assert Path(unpacked["plain"]).read_bytes() == NO_ZIP
