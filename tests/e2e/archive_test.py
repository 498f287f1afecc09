"""Hostile, odd and damaged archives of a repo, by `hubctl load`."""

from __future__ import annotations

import gzip
import json
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import ORDINARY_UID, Machine
from tests.origin import Origin

PYTHON = "/usr/bin/python3"
CODELOAD = "codeload.github.com"
TOP = "hub"
FILE = tarfile.REGTYPE
FOLDER = tarfile.DIRTYPE
LINK = tarfile.SYMTYPE
HARD_LINK = tarfile.LNKTYPE
SMALL_LIMITS = '[tree]\nmax_entries = 1000\nmax_bytes = "1MiB"\n'


def member(
    name: str,
    data: bytes = b"",
    *,
    kind: bytes = FILE,
    to: str = "",
    mode: int = 0o644,
    pax: dict[str, str] | None = None,
) -> bytes:
    """One member of a tar; what its header cannot hold is in a pax header."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, to, mode, len(data)
    info.pax_headers = pax or {}
    head = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return head + data + bytes(-len(data) % 512)


def folder(name: str) -> bytes:
    return member(name, kind=FOLDER, mode=0o755)


def link(name: str, to: str, kind: bytes = LINK) -> bytes:
    return member(name, kind=kind, to=to)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """A pax header of exactly these bytes, for the member after it."""
    return member("pax_global_header" if kind == b"g" else "pax", records, kind=kind)


def record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    while len(str(size)) + len(key) + len(value) + 3 != size:
        size += 1
    return b"%d %s=%s\n" % (size, key, value)


def with_field(header: bytes, at: int, field: bytes) -> bytes:
    """A tar header with another field, and the sum that belongs to it."""
    block = bytearray(header)
    block[at : at + len(field)] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


HUBCONF = member(f"{TOP}/hubconf.py", b"def f(): pass\n")
END = bytes(1024)


def packed(*members: bytes) -> bytes:
    return gzip.compress(b"".join(members) + END, compresslevel=1, mtime=0)


class Place:
    """A machine and its origin, with a fresh repo for each case."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.origin = machine.origin
        self._repos = 0

    def add_repo(self) -> tuple[str, str]:
        """A sound repo, and the commit that it is at."""
        self._repos += 1
        name = f"hub{self._repos}"
        hubconf = f"def f{self._repos}(): pass\n"
        commit = self.origin.add_repo("evil", name, {"hubconf.py": hubconf})
        return f"evil/{name}", commit

    def refuse(self, body: bytes) -> str:
        """Loads a repo whose archive is `body`; returns the message of its error.

        Nothing of it may stay, and the repo must load once its archive is sound.
        """
        repo, commit = self.add_repo()
        rule = self.origin.respond(CODELOAD, f"/{repo}/", 200, body=body)
        try:
            error = self.machine.json("load", repo, "f", code=7)["error"]
        finally:
            rule.remove()
        assert error["reason"] == "BAD_ARCHIVE", error
        assert repo in error["message"], error
        assert error["message"].isprintable()
        self.assert_nothing_of(repo)
        tree = self.machine.json("load", repo, "f")["tree"]
        assert tree["commit"] == commit
        assert os.listdir(tree["path"]) == ["hubconf.py"]
        return str(error["message"])

    def assert_nothing_of(self, repo: str) -> None:
        store = self.machine.store
        assert os.listdir(store("tmp")) == []
        assert not store("trees", "github.com", *repo.split("/")).exists()
        records = store("records", "tree").iterdir()
        assert not any(
            json.loads(r.read_text())["repo"]["name"] in repo.split("/")
            for r in records
        )
        assert repo not in self.machine.hubctl("--json", "cache", "ls").stdout

    def take(self, body: bytes) -> tuple[Path, list[str]]:
        """Loads a repo whose archive is `body`; its tree and the warnings."""
        repo, _ = self.add_repo()
        rule = self.origin.respond(CODELOAD, f"/{repo}/", 200, body=body)
        try:
            tree = self.machine.json("load", repo, "f")["tree"]
        finally:
            rule.remove()
        assert os.listdir(self.machine.store("tmp")) == []
        return Path(tree["path"]), tree["warnings"]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Origin() as origin:
        machine = Machine(origin)
        try:
            yield Place(machine)
        finally:
            machine.close()


@pytest.fixture(scope="module", params=["started-by-root", "ordinary-user"])
def both(request: pytest.FixtureRequest, place: Place) -> Iterator[Place]:
    """A place of root's and one of an ordinary user's."""
    if os.getuid() != 0 or request.param == "started-by-root":
        yield place
        return
    with Origin() as origin:
        machine = Machine(origin, uid=ORDINARY_UID)
        try:
            yield Place(machine)
        finally:
            machine.close()


@pytest.fixture(scope="module")
def small_place() -> Iterator[Place]:
    """One that allows little."""
    with Origin() as origin:
        machine = Machine(origin)
        machine.configure(SMALL_LIMITS)
        try:
            yield Place(machine)
        finally:
            machine.close()


# Four bytes at 4096 of a file of 4100.
GNU_SPARSE = member(f"{TOP}/s", b"data", kind=b"S")[:512]
for at, field in (
    (257, b"ustar  \0"),
    (386, b"%011o\0%011o\0" % (4096, 4)),
    (483, b"%011o\0" % 4100),
):
    GNU_SPARSE = with_field(GNU_SPARSE, at, field)
GNU_SPARSE += b"data".ljust(512, b"\0")
PAX_SPARSE = pax(
    record(b"GNU.sparse.map", b"4096,4") + record(b"GNU.sparse.numblocks", b"1")
) + member(f"{TOP}/sparse", b"data")


# What the archive holds beside a hubconf.py, and a word of the reason.
@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(member(f"{TOP}/../../evil"), '".."', id="dots"),
        pytest.param(member("../evil"), '".."', id="dots-first"),
        pytest.param(member(f"{TOP}/./evil"), '"."', id="dot"),
        pytest.param(member(f"{TOP}//evil"), "empty", id="empty-part"),
        pytest.param(member(""), "empty", id="no-name"),
        pytest.param(member("/etc/evil"), "absolute", id="absolute"),
        pytest.param(
            link(f"{TOP}/passwd", "/etc/passwd", HARD_LINK),
            "absolute",
            id="hard-link-absolute",
        ),
        pytest.param(
            link(f"{TOP}/passwd", f"{TOP}/../../passwd", HARD_LINK),
            '".."',
            id="hard-link-outward",
        ),
        pytest.param(
            link(f"{TOP}/passwd", "other/passwd", HARD_LINK),
            "second top folder",
            id="hard-link-beside",
        ),
        pytest.param(
            link(f"{TOP}/l", "hubconf.py") + link(f"{TOP}/m", f"{TOP}/l", HARD_LINK),
            "no file before it",
            id="hard-link-to-link",
        ),
        pytest.param(
            link(f"{TOP}/l", f"{TOP}/l", HARD_LINK),
            "no file before it",
            id="hard-link-to-itself",
        ),
        pytest.param(
            folder(f"{TOP}/d") + link(f"{TOP}/l", "d") + member(f"{TOP}/l/x"),
            "through a link",
            id="through-a-link",
        ),
        pytest.param(
            member(f"{TOP}/dev", kind=tarfile.CHRTYPE), "device", id="char-device"
        ),
        pytest.param(
            member(f"{TOP}/dev", kind=tarfile.BLKTYPE), "device", id="block-device"
        ),
        pytest.param(member(f"{TOP}/p", kind=tarfile.FIFOTYPE), "fifo", id="fifo"),
        pytest.param(HUBCONF, "already", id="duplicate"),
        pytest.param(
            folder(f"{TOP}/a") + member(f"{TOP}/a"), "already", id="folder-then-file"
        ),
        pytest.param(
            member(f"{TOP}/a") + member(f"{TOP}/a/b"),
            "needs a folder",
            id="file-and-folder",
        ),
        pytest.param(
            member(f"{TOP}/a") + link(f"{TOP}/a", "b"), "already", id="file-and-link"
        ),
        pytest.param(member(f"{TOP}/{'n' * 300}"), "255 bytes", id="300-bytes"),
        pytest.param(
            member("/".join([TOP, *["d" * 200] * 21])), "4096 bytes", id="long-path"
        ),
        pytest.param(
            member("other/f"), f'second top folder, after "{TOP}"', id="two-tops"
        ),
        pytest.param(member("beside"), "beside the top folder", id="beside-the-top"),
        pytest.param(
            pax(record(b"path", b"hub/a\0b")) + member("cut"), "NUL", id="nul"
        ),
        pytest.param(
            pax(record(b"linkpath", b"hubconf.py\0b")) + link(f"{TOP}/l", "cut"),
            "NUL",
            id="nul-in-a-link",
        ),
        pytest.param(PAX_SPARSE, "sparse", id="pax-sparse"),
        pytest.param(GNU_SPARSE, "sparse", id="gnu-sparse"),
        pytest.param(member(f"{TOP}/m", kind=b"M"), "neither file", id="multi-volume"),
        pytest.param(pax(b"999 path=a\n") + member("cut"), "pax", id="malformed-pax"),
        pytest.param(
            pax(record(b"size", b"-5")) + member(f"{TOP}/s"), "negative", id="pax-size"
        ),
        pytest.param(
            pax(record(b"size", b"9" * 18)) + member(f"{TOP}/s"),
            "damaged",
            id="pax-huge-size",
        ),
        pytest.param(b"garbage" * 100, "damaged", id="garbage-header"),
        pytest.param(member(f"{TOP}/\x1b[31m/../x"), r"\x1b", id="unprintable"),
    ],
)
def test_a_bad_member_is_refused(place: Place, body: bytes, why: str) -> None:
    assert why in place.refuse(packed(HUBCONF, body))


GOOD = packed(HUBCONF)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(
            b"<html>Sorry</html>", "gzip stream is damaged: it does not", id="html"
        ),
        pytest.param(GOOD[: len(GOOD) // 2], "ends too early", id="gzip-cut"),
        pytest.param(GOOD[:-1], "ends too early", id="gzip-cut-at-the-end"),
        pytest.param(GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:], "check", id="wrong-sum"),
        pytest.param(GOOD + b"garbage", "follows its end", id="garbage-behind"),
        pytest.param(gzip.compress(b"<html></html>"), "damaged", id="no-tar"),
        pytest.param(gzip.compress(HUBCONF[:300]), "damaged", id="cut-at-header"),
        pytest.param(
            gzip.compress(HUBCONF + HUBCONF[:300]), "damaged", id="cut-at-2nd-header"
        ),
        pytest.param(gzip.compress(HUBCONF[:-600]), "damaged", id="cut-in-a-file"),
        pytest.param(packed(), "no top folder", id="nothing"),
        pytest.param(packed(member("hubconf.py")), "beside", id="no-top"),
        pytest.param(
            packed(pax(record(b"comment", b"1" * 40), b"g"), HUBCONF),
            "1" * 40,
            id="another-commit",
        ),
        pytest.param(
            gzip.compress(HUBCONF + END + bytes(2 << 20)),
            "follows its end",
            id="zeros-without-end",
        ),
        pytest.param(
            gzip.compress(member(f"{TOP}/zeros", bytes(16 << 20)) + END),
            "[tree] max_ratio",
            id="bomb",
        ),
    ],
)
def test_a_damaged_archive_is_refused(place: Place, body: bytes, why: str) -> None:
    assert why in place.refuse(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(
            packed(*[member(f"{TOP}/{i}") for i in range(1001)]),
            "1000 entries; the limit is [tree] max_entries",
            id="entries",
        ),
        pytest.param(
            packed(*[member(f"{TOP}/{i}/{i}/{i}") for i in range(400)]),
            "max_entries",
            id="implied-folders",
        ),
        pytest.param(
            packed(HUBCONF, member(f"{TOP}/big", os.urandom(1 << 20))),
            "1048576 bytes; the limit is [tree] max_bytes",
            id="bytes",
        ),
        pytest.param(
            packed(
                member(f"{TOP}/big", os.urandom(300 << 10)),
                *[link(f"{TOP}/{i}", f"{TOP}/big", HARD_LINK) for i in range(4)],
            ),
            "max_bytes",
            id="hard-links",
        ),
    ],
)
def test_more_than_the_limits_is_refused(
    small_place: Place, body: bytes, why: str
) -> None:
    assert why in small_place.refuse(body)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_odd_names_are_kept(both: Place) -> None:
    names = [
        "Readme",
        "README",
        "readme",
        "n" * 255,
        "back\\slash",
        " ",
        "new\nline",
        "esc\x1b[31m",
        "gr\u00fcn",
        "gru\u0308n",
        "invalid\udcff",
        "-rf",
        "~",
        "CON",
        "a:b",
    ]
    files = [member(f"{TOP}/{name}", b"%d" % i) for i, name in enumerate(names)]
    tree, warnings = both.take(packed(HUBCONF, *files))
    assert warnings == []
    assert set(os.listdir(tree)) == {"hubconf.py", *names}
    assert [(tree / name).read_text() for name in names] == [
        str(i) for i in range(len(names))
    ]


def test_modes_and_git_members_are_dropped(both: Place) -> None:
    tree, _ = both.take(
        packed(
            HUBCONF,
            member(f"{TOP}/set", b"s", mode=0o6777),
            member(f"{TOP}/closed", b"c", mode=0),
            member(f"{TOP}/sticky/", kind=FOLDER, mode=0o1777),
            member(f"{TOP}/.git/hooks/post-checkout", b"evil", mode=0o755),
            member(f"{TOP}/sub/.GIT/config", b"evil"),
            link(f"{TOP}/.git/link", "/etc"),
        )
    )
    assert set(os.listdir(tree)) == {"hubconf.py", "set", "closed", "sticky"}
    assert mode_of(tree / "set") == 0o555
    assert mode_of(tree / "closed") == 0o444
    assert mode_of(tree / "sticky") == 0o555


def test_links_stay_inside(both: Place) -> None:
    outward = {"abs": "/etc/passwd", "up": "../../x", "d/up": "../../x"}
    inside = {"l": "hubconf.py", "d/l": "../hubconf.py", "loop": "loop", "no": "none"}
    tree, warnings = both.take(
        packed(
            HUBCONF,
            *[link(f"{TOP}/{name}", to) for name, to in {**outward, **inside}.items()],
            # Stays inside by its words, but not by way of the link before it.
            folder(f"{TOP}/a/b"),
            link(f"{TOP}/short", "a/b"),
            link(f"{TOP}/detour", "short/../../../x"),
            link(f"{TOP}/hard", f"{TOP}/hubconf.py", HARD_LINK),
        )
    )
    outward["detour"] = "short/../../../x"
    for name, to in outward.items():
        assert (tree / name).read_text() == to
        assert not (tree / name).is_symlink()
        assert any(f'"{name}"' in text and to in text for text in warnings)
    assert len(warnings) == len(outward)
    for name, to in inside.items():
        assert os.readlink(tree / name) == to
    assert (tree / "hard").stat().st_nlink == 1
    assert (tree / "hard").read_bytes() == (tree / "hubconf.py").read_bytes()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(gzip.compress(HUBCONF), id="no-end"),
        pytest.param(GOOD + bytes(1000), id="padding"),
        pytest.param(gzip.compress(HUBCONF) + gzip.compress(END), id="two-streams"),
        pytest.param(packed(folder(TOP), folder(TOP), HUBCONF), id="folder-twice"),
        pytest.param(
            packed(pax(record(b"comment", b"not a commit"), b"g"), HUBCONF),
            id="other-comment",
        ),
        pytest.param(
            packed(pax(record(b"SCHILY.xattr.user.x", b"1")), HUBCONF), id="xattr"
        ),
        pytest.param(packed(pax(record(b"uid", b"0")), HUBCONF), id="owner"),
    ],
)
def test_harmless_oddities_are_taken(place: Place, body: bytes) -> None:
    tree, warnings = place.take(body)
    assert warnings == []
    assert os.listdir(tree) == ["hubconf.py"]
    assert (tree / "hubconf.py").stat().st_uid == place.machine.uid


def test_nothing_is_left_where_much_was_written(both: Place) -> None:
    """Sealed folders, links and files of an archive whose end is damaged."""
    members = [
        folder(f"{TOP}/d{i}")
        + member(f"{TOP}/d{i}/f", b"x")
        + link(f"{TOP}/d{i}/l", "f")
        for i in range(200)
    ]
    whole = packed(HUBCONF, *members)
    assert "check" in both.refuse(whole[:-8] + bytes(4) + whole[-4:])


def test_many_entries_are_taken(place: Place) -> None:
    count = 100_000
    names = (f"{TOP}/{i // 1000}/{i}" for i in range(count))
    tree, warnings = place.take(packed(HUBCONF, *[member(name) for name in names]))
    assert warnings == []
    assert sum(len(files) for _, _, files in os.walk(tree)) == count + 1


@pytest.mark.parametrize(
    ("files", "reason", "why"),
    [
        pytest.param([], "HUBCONF_MISSING", "no file hubconf.py", id="missing"),
        pytest.param(
            [folder(f"{TOP}/hubconf.py")],
            "HUBCONF_MISSING",
            "no file hubconf.py",
            id="folder",
        ),
        pytest.param(
            [link(f"{TOP}/hubconf.py", "gone.py")],
            "HUBCONF_MISSING",
            "no file hubconf.py",
            id="link-to-nothing",
        ),
        pytest.param(
            [link(f"{TOP}/hubconf.py", "hubconf.py")],
            "HUBCONF_MISSING",
            "no file hubconf.py",
            id="link-to-itself",
        ),
        pytest.param(
            [link(f"{TOP}/hubconf.py", "../../../../etc/hostname")],
            "ENTRYPOINT_FAILED",
            "leads out of the tree",
            id="link-outward",
        ),
        pytest.param(
            [member(f"{TOP}/real.py", b"def g(): pass\n")]
            + [link(f"{TOP}/hubconf.py", "real.py")],
            "",
            "g",
            id="link-inside",
        ),
    ],
)
def test_a_hubconf_that_is_no_plain_file(
    both: Place, files: list[bytes], reason: str, why: str
) -> None:
    repo, _ = both.add_repo()
    body = packed(member(f"{TOP}/README"), *files)
    both.origin.respond(CODELOAD, f"/{repo}/", 200, body=body, times=1)
    for command in (["list", repo], ["help", repo, "g"]):
        code = 1 if reason else 0
        answer = both.machine.json(*command, "--python", PYTHON, code=code)
        if reason:
            assert answer["error"]["reason"] == reason
            assert why in answer["error"]["message"]
            assert repo in answer["error"]["message"]
        else:
            assert why in json.dumps(answer)
