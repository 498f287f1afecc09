from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

from conftest import PYCLIENT
from hubd import _view


@pytest.fixture
def trees(home):
    """Makes trees of a store."""

    def make(commit, *names):
        path = os.path.join(home, "r/store/trees/github.com/own/repo", commit)
        os.makedirs(path)
        for name in ("hubconf.py", *names):
            with open(os.path.join(path, name), "w") as file:
                file.write(commit)
        return path

    return make


@pytest.fixture
def blobs(home):
    """Makes blobs of a store."""

    def make(digest, root="r"):
        path = os.path.join(home, root, "store/blobs", digest[:2], digest)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
        return path

    return make


@pytest.fixture
def hub(home):
    path = os.path.join(home, "hub")
    os.mkdir(path)
    return path


def _listed(path):
    return sorted(os.listdir(path))


def test_names_replace_slashes_of_refs():
    assert _view.directory_name("o", "r", "a/b") == "o_r_a_b"


def test_a_tree_is_shown_as_a_real_directory_of_links(hub, trees):
    tree = trees("1", "model.py")
    _view.place_tree(hub + "/own_repo_main", tree)
    shown = hub + "/own_repo_main"
    assert os.path.isdir(shown) and not os.path.islink(shown)
    assert os.readlink(shown + "/model.py") == tree + "/model.py"
    assert _view.is_ours(shown) and not _view.left_by_original(shown)
    assert _listed(hub) == ["own_repo_main"]


def test_an_unchanged_tree_is_left_alone(hub, trees):
    tree = trees("1")
    _view.place_tree(hub + "/v", tree)
    before = os.stat(hub + "/v").st_ino
    _view.place_tree(hub + "/v", tree)
    assert os.stat(hub + "/v").st_ino == before


def test_another_commit_replaces_the_links_and_keeps_what_others_wrote(hub, trees):
    _view.place_tree(hub + "/v", trees("1", "old.py"))
    open(hub + "/v/notes", "w").close()
    _view.place_tree(hub + "/v", trees("2", "new.py"))
    assert _listed(hub + "/v") == ["hubconf.py", "new.py", "notes"]
    assert open(hub + "/v/hubconf.py").read() == "2"
    assert _listed(hub) == ["v"]


def test_what_the_original_left_is_told_from_ours_and_can_be_replaced(hub, trees):
    os.mkdir(hub + "/v")
    assert not _view.left_by_original(hub + "/v")
    open(hub + "/v/hubconf.py", "w").close()
    assert _view.left_by_original(hub + "/v")
    _view.place_tree(hub + "/v", trees("1"))
    assert _view.is_ours(hub + "/v")


def test_the_loser_of_a_race_is_content(hub, trees, monkeypatch):
    tree = trees("1")
    rename = os.rename

    def rename_late(source, target):
        if target == hub + "/v":
            os.mkdir(target)
            os.symlink(tree + "/hubconf.py", target + "/hubconf.py")
        rename(source, target)

    monkeypatch.setattr(_view.os, "rename", rename_late)
    _view.place_tree(hub + "/v", tree)
    assert _listed(hub) == ["v"]
    assert _view.is_ours(hub + "/v")


def test_a_tree_that_is_gone_by_then_is_not_shown(hub):
    _view.place_tree(hub + "/v", hub + "/gone")
    assert _listed(hub) == []


def test_a_checkpoint_is_shown_as_a_link(hub, blobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _view.place_checkpoint(hub + "/w.pth", blobs("aa1"), "https://h/w.pth")
        _view.place_checkpoint(hub + "/w.pth", blobs("aa1"), "https://h/w.pth")
    assert os.readlink(hub + "/w.pth").endswith("/store/blobs/aa/aa1")
    assert _view.is_checkpoint_link(hub + "/w.pth")
    assert _listed(hub) == ["w.pth"]


def test_a_name_moves_to_other_bytes_with_one_warning(hub, blobs):
    _view.place_checkpoint(hub + "/w.pth", blobs("aa1"), "https://h/1/w.pth")
    with pytest.warns(UserWarning, match="https://h/2/w.pth") as caught:
        _view.place_checkpoint(hub + "/w.pth", blobs("bb2"), "https://h/2/w.pth")
    assert len(caught) == 1
    assert os.readlink(hub + "/w.pth").endswith("bb2")


def test_a_name_moves_silently_from_evicted_bytes_or_to_another_root(hub, blobs):
    first = blobs("aa1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _view.place_checkpoint(hub + "/w.pth", first, "u")
        _view.place_checkpoint(hub + "/w.pth", blobs("aa1", "other"), "u")
        os.unlink(os.readlink(hub + "/w.pth"))
        _view.place_checkpoint(hub + "/w.pth", blobs("bb2"), "u")


def test_the_users_own_links_and_files_are_no_links_of_ours(hub, home):
    open(hub + "/file", "w").close()
    os.symlink(home, hub + "/link")
    assert not _view.is_checkpoint_link(hub + "/file")
    assert not _view.is_checkpoint_link(hub + "/link")
    assert not _view.is_checkpoint_link(hub + "/absent")


def test_links_to_evicted_objects_are_swept_and_others_are_not(hub, blobs, trees):
    gone, kept = blobs("aa1"), blobs("bb2")
    tree = trees("1")
    _view.place_checkpoint(hub + "/gone.pth", gone, "u")
    _view.place_tree(hub + "/tree", tree)
    os.symlink("/nonexistent/of-the-user", hub + "/users")
    os.unlink(gone)
    os.rename(tree, tree + ".gone")
    _view.place_checkpoint(hub + "/kept.pth", kept, "u")
    assert _listed(hub) == ["kept.pth", "users"]


def test_forgetting_a_repo_removes_its_directories_of_links_only(hub, trees):
    tree = trees("1")
    _view.place_tree(hub + "/own_repo_main", tree)
    _view.place_tree(hub + "/own_repo_v1", tree)
    os.mkdir(hub + "/own_repo_left")
    open(hub + "/own_repo_left/hubconf.py", "w").close()
    _view.forget_repo(hub, "own", "other", ["own_repo_left"])
    assert len(_listed(hub)) == 3
    _view.forget_repo(hub, "Own", "repo", ["own_repo_left"])
    assert _listed(hub) == ["own_repo_left"]


def test_only_a_directory_of_the_callers_counts_as_owned(hub, monkeypatch):
    os.symlink(hub, hub + "/link")
    assert _view.owned_directory(hub)
    assert not _view.owned_directory(hub + "/link")
    assert not _view.owned_directory(hub + "/absent")
    monkeypatch.setattr(_view.os, "geteuid", lambda: 12345)
    assert not _view.owned_directory(hub)


_MOVES = """
import sys
from hubd import _view
_, shown, *trees = sys.argv
for tree in trees:
    _view.place_tree(shown, tree)
"""


def test_processes_that_replace_it_together_keep_what_others_wrote(hub, trees):
    shown = [trees(str(number)) for number in range(40)]
    _view.place_tree(hub + "/v", shown[0])
    open(hub + "/v/notes", "w").close()
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", _MOVES, hub + "/v", *shown],
            env={**os.environ, "PYTHONPATH": PYCLIENT},
        )
        for _ in range(6)
    ]
    assert [rank.wait() for rank in ranks] == [0] * 6
    assert _listed(hub + "/v") == ["hubconf.py", "notes"]
    assert _listed(hub) == ["v"]


def test_a_child_that_is_forked_meanwhile_keeps_nobody_out(hub, trees):
    with _view.alone(hub):
        inherited = os.dup(next(fd for fd in _descriptors() if _is(fd, hub)))
    try:
        _view.place_tree(hub + "/v", trees("1"))
    finally:
        os.close(inherited)


def _descriptors():
    return [int(name) for name in os.listdir("/proc/self/fd")]


def _is(fd, path):
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False
