"""The bare repositories below one directory, and their making."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.origin._git import commit_of, git

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_NONE = "0" * 40


@dataclass(frozen=True)
class SymlinkTo:
    """A symbolic link in a commit."""

    target: str


@dataclass(frozen=True)
class Executable:
    """A file in a commit with the executable flag."""

    data: bytes | str


@dataclass(frozen=True)
class Gitlink:
    """The commit that a submodule is at; its folder is empty."""

    commit: str


Content = bytes | str | SymlinkTo | Executable | Gitlink


class Repos:
    """Repositories at `root`/OWNER/NAME.git, found in any letter case."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._moved: dict[str, str] = {}
        self._private: dict[str, str] = {}

    def path(self, owner: str, name: str) -> Path:
        if not _NAME.fullmatch(owner) or not _NAME.fullmatch(name):
            raise ValueError(f"not a repository: {owner}/{name}")
        return self.root / owner / f"{name}.git"

    def find(self, owner: str, name: str) -> Path | None:
        """The repository's path if there is one; never an exception."""
        if not _NAME.fullmatch(owner) or not _NAME.fullmatch(name):
            return None
        path = self.path(owner, name)
        if path.is_dir():
            return path
        wanted = f"{owner}/{name}.git".lower()
        for path in self.root.glob("*/*.git"):
            if str(path.relative_to(self.root)).lower() == wanted:
                return path
        return None

    def rename(self, owner: str, name: str, new_owner: str, new_name: str) -> None:
        """Moves a repository; its old name leads to the new one."""
        new = self.path(new_owner, new_name)
        new.parent.mkdir(exist_ok=True)
        self.path(owner, name).rename(new)
        self._moved[f"{owner}/{name}".lower()] = f"{new_owner}/{new_name}"

    def moved_to(self, owner: str, name: str) -> str | None:
        """OWNER/NAME of the repository that had this name, if no other has it."""
        if self.find(owner, name) is not None:
            return None
        return self._moved.get(f"{owner}/{name}".lower())

    def make_private(self, owner: str, name: str, login: str) -> None:
        self._private[f"{owner}/{name}".lower()] = login

    def login_for(self, owner: str, name: str) -> str | None:
        """USER:PASSWORD of a private repository; None: everybody may read it."""
        return self._private.get(f"{owner}/{name}".lower())

    def commit(
        self, owner: str, name: str, files: Mapping[str, Content], branch: str
    ) -> str:
        """Commits exactly `files` on top of the branch; returns the commit.

        Makes the repository (with `branch` as HEAD) and the branch where they are
        missing. A tree that the branch already has makes no new commit.
        """
        repo = self.path(owner, name)
        if not repo.is_dir():
            git("init", "-q", "--bare", f"--initial-branch={branch}", repo)
        ref = f"refs/heads/{branch}"
        parent = commit_of(repo, ref)
        tree = _write_tree(repo, files)
        if parent is not None and git("-C", repo, "rev-parse", f"{ref}^{{tree}}") == (
            tree
        ):
            return parent
        above = ("-p", parent) if parent else ()
        made = git("-C", repo, "commit-tree", "-m", "Files", *above, tree)
        self.set_ref(owner, name, ref, made)
        return made

    def clone(self, owner: str, name: str, source: Path) -> None:
        """Copies all branches and tags of a repository on disk."""
        git("clone", "-q", "--bare", source, self.path(owner, name))

    def set_ref(
        self, owner: str, name: str, ref: str, commitish: str, *, new: bool = False
    ) -> None:
        """Moves a ref, whatever it was; `new`: it must not be there."""
        old = (_NONE,) if new else ()
        git("-C", self.path(owner, name), "update-ref", ref, commitish, *old)

    def annotated_tag(self, owner: str, name: str, tag: str, commitish: str) -> None:
        git("-C", self.path(owner, name), "tag", "-a", "-m", tag, tag, commitish)

    def remove_ref(self, owner: str, name: str, ref: str) -> None:
        git("-C", self.path(owner, name), "update-ref", "-d", ref)


def refs(repo: Path, kind: str) -> list[tuple[str, str]]:
    """(short name, commit) of all refs of a kind, heads or tags; tags are peeled."""
    form = "--format=%(refname:strip=2) %(objectname) %(*objectname)"
    lines = git("-C", repo, "for-each-ref", form, f"refs/{kind}").splitlines()
    return [(words[0], words[-1]) for words in (line.split() for line in lines)]


def is_branch_and_tag(repo: Path, name: str) -> bool:
    """Whether a short name means two refs, whatever they point at."""
    return all(commit_of(repo, f"refs/{kind}/{name}") for kind in ("heads", "tags"))


def files_below(directory: Path) -> dict[str, Content]:
    """The files of a directory as a commit's files, without hidden and cached ones."""
    found: dict[str, Content] = {}
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        skip = any(p.startswith(".") or p == "__pycache__" for p in relative.parts)
        if path.is_file() and not skip:
            found[relative.as_posix()] = path.read_bytes()
    return found


def _write_tree(repo: Path, files: Mapping[str, Content]) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch, "work")
        work.mkdir()
        links: list[str | Path] = []
        for name, content in files.items():
            if isinstance(content, Gitlink):
                links += ["--cacheinfo", f"160000,{content.commit},{name}"]
            else:
                _write(work / name, content)
        place = {
            "GIT_DIR": str(repo),
            "GIT_WORK_TREE": str(work),
            "GIT_INDEX_FILE": str(Path(scratch, "index")),
        }
        every: Iterable[str] = ("add", "-f", "-A", ".")
        git("-C", work, *every, more=place)
        if links:
            git("-C", work, "update-index", "--add", *links, more=place)
        return git("write-tree", more=place)


def _write(path: Path, content: bytes | str | SymlinkTo | Executable) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, SymlinkTo):
        path.symlink_to(content.target)
        return
    data = content.data if isinstance(content, Executable) else content
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(0o755 if isinstance(content, Executable) else 0o644)
