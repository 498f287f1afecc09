from __future__ import annotations

import hashlib
import os
import stat

import pytest

from hubd import _copy


def test_a_file_takes_its_place_only_when_it_is_whole(home):
    path = home + "/f"
    with open(path, "w") as file:
        file.write("old")
    with pytest.raises(ZeroDivisionError), _copy.replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert open(path).read() == "old"
    with _copy.replacing(path) as file:
        file.write(b"new")
    assert open(path).read() == "new"
    assert os.listdir(home) == ["f"]


def test_the_umask_decides_the_mode(home):
    before = os.umask(0o027)
    try:
        with _copy.replacing(home + "/f"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(home + "/f").st_mode) == 0o640


def test_a_link_is_replaced_and_its_target_is_not_written(home):
    with open(home + "/target", "w") as file:
        file.write("t")
    os.symlink(home + "/target", home + "/f")
    with _copy.replacing(home + "/f") as file:
        file.write(b"new")
    assert open(home + "/target").read() == "t"
    assert not os.path.islink(home + "/f")


def test_a_clone_has_the_bytes_and_an_inode_of_its_own(home):
    with open(home + "/blob", "wb") as file:
        file.write(b"x" * 3_000_000)
    os.chmod(home + "/blob", 0o444)
    with _copy.replacing(home + "/f") as file:
        _copy.clone(home + "/blob", file)
    assert open(home + "/f", "rb").read() == b"x" * 3_000_000
    assert os.stat(home + "/f").st_nlink == os.stat(home + "/blob").st_nlink == 1


def test_reading_a_file_url_checks_its_hash(home):
    with open(home + "/source", "wb") as file:
        file.write(b"bytes")
    digest = hashlib.sha256(b"bytes").hexdigest()
    with _copy.replacing(home + "/f") as file:
        _copy.read_url("file://" + home + "/source", file, digest[:8], "agent")
    assert open(home + "/f", "rb").read() == b"bytes"
    with pytest.raises(RuntimeError) as caught, _copy.replacing(home + "/g") as file:
        _copy.read_url("file://" + home + "/source", file, "00", "agent")
    assert str(caught.value) == f'invalid hash value (expected "00", got "{digest}")'
    assert not os.path.exists(home + "/g")
