"""The view: what old code looks for in a hub's get_dir().

    get_dir()/owner_name_ref/     a directory of links to a tree's entries
    get_dir()/checkpoints/NAME    a link to a blob

It is written with the caller's rights. What is made is made aside and renamed
into place; who loses a race is content with what the winner left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import Iterable, Iterator, List, Optional

from hubd import _warn

_ASIDE = ".hubd-"
_TREES = "/store/trees/"
_STORE_PARTS = (_TREES, "/store/blobs/", "/store/unpacked/", "/store/private/")


def directory_name(owner: str, name: str, ref: str) -> str:
    """What the hubs call a repo's directory."""
    return "_".join([owner, name, ref.replace("/", "_")])


def is_ours(directory: str) -> bool:
    """Whether a directory was made by place_tree()."""
    return _points_into_store(os.path.join(directory, "hubconf.py"))


def left_by_original(directory: str) -> bool:
    """Whether the hub that is replaced downloaded a repo to this directory."""
    return os.path.exists(os.path.join(directory, "hubconf.py")) and not is_ours(
        directory
    )


def owned_directory(path: str) -> bool:
    """Whether a directory, and no link to one, is there and the caller's."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def place_tree(directory: str, tree: str) -> None:
    """Makes `directory` a directory of links to the entries of `tree`.

    Does nothing where the tree has been evicted in the meantime.
    """
    try:
        names = sorted(os.listdir(tree))
    except FileNotFoundError:
        return
    with alone(os.path.dirname(directory)):
        if not _shows(directory, tree, names):
            fresh = _aside(directory)
            os.mkdir(fresh)
            for name in names:
                os.symlink(os.path.join(tree, name), os.path.join(fresh, name))
            _swap(fresh, directory)
        sweep(os.path.dirname(directory))


@contextlib.contextmanager
def alone(directory: str) -> Iterator[None]:
    """Keeps other front-ends from changing a directory's entries meanwhile.

    The hubs that are replaced, and some network file systems, know no such lock.
    """
    fd = os.open(directory or ".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        # Closing is not enough: a child forked meanwhile has it open, too.
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def _shows(directory: str, tree: str, names: List[str]) -> bool:
    try:
        if not set(names).issubset(os.listdir(directory)):
            return False
        return all(
            os.readlink(os.path.join(directory, name)) == os.path.join(tree, name)
            for name in names
        )
    except OSError:
        return False


def _swap(fresh: str, directory: str) -> None:
    """Puts `fresh` in the place of `directory`."""
    old = _aside(directory)
    ours = is_ours(directory)
    with contextlib.suppress(FileNotFoundError):
        os.rename(directory, old)
    try:
        if ours:
            _carry_over(old, fresh)
        os.rename(fresh, directory)
    except OSError:
        # Another process put its own there in between.
        if not os.path.isdir(directory):
            raise
        _remove_tree(fresh)
    _remove(old)


def _carry_over(old: str, fresh: str) -> None:
    """Keeps what others wrote into the directory beside our links."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(old):
            path, target = os.path.join(old, name), os.path.join(fresh, name)
            if not os.path.islink(path) and not os.path.lexists(target):
                os.rename(path, target)


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        _remove_tree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def is_checkpoint_link(path: str) -> bool:
    """Whether place_checkpoint() made this; if not, and it exists, it is a hit."""
    return _points_into_store(path)


def place_checkpoint(path: str, blob: str, url: str) -> None:
    """Makes `path` a link to a blob; says so when it was one to other bytes."""
    with alone(os.path.dirname(path)):
        there = _link(path)
        if there != blob:
            fresh = _aside(path)
            os.symlink(blob, fresh)
            os.rename(fresh, path)
        moved = there is not None and _stands_for_store(there) and os.path.exists(there)
        sweep(os.path.dirname(path))
    if moved and os.path.basename(str(there)) != os.path.basename(blob):
        _warn.warn(
            f"{path} stood for other bytes (of another URL, or an older version) "
            f"and stands for {url} from here on; give file_name to keep both"
        )


def sweep(directory: str) -> None:
    """Removes links, and directories of links, to what has been evicted."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in list(entries):
            if entry.is_symlink():
                _unlink_dangling(entry.path)
            elif entry.is_dir() and _dangles(os.path.join(entry.path, "hubconf.py")):
                _remove_tree(entry.path)


def _unlink_dangling(path: str) -> None:
    if _dangles(path):
        with contextlib.suppress(OSError):
            os.unlink(path)


def _dangles(path: str) -> bool:
    return _points_into_store(path) and not os.path.exists(path)


def forget_repo(
    hub_dir: str, owner: str, name: str, directories: Iterable[str]
) -> None:
    """Removes the directories of links to a repo's trees, whatever the ref.

    directories: names under hub_dir that are the repo's in any case.
    """
    with contextlib.suppress(OSError):
        for entry in os.listdir(hub_dir):
            directory = os.path.join(hub_dir, entry)
            target = _link(os.path.join(directory, "hubconf.py")) or ""
            parts = target.partition(_TREES)[2].lower().split("/")
            named = entry in directories and is_ours(directory)
            # By SSH a name is kept as it was asked for.
            names = (name.lower(), name.lower() + ".git")
            if named or (parts[1:2] == [owner.lower()] and parts[2] in names):
                _remove_tree(directory)


def _aside(path: str) -> str:
    """A free name beside a path."""
    return os.path.join(os.path.dirname(path), _ASIDE + os.urandom(16).hex())


def _link(path: str) -> Optional[str]:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _points_into_store(path: str) -> bool:
    target = _link(path)
    return target is not None and _stands_for_store(target)


def _stands_for_store(target: str) -> bool:
    return os.path.isabs(target) and any(part in target for part in _STORE_PARTS)
