"""Mirrors: hosts that serve copies of the repositories, of some moment each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.origin._git import archive, commit_of, smart_http
from tests.origin._message import Request, Response, text
from tests.origin._repos import Repos

_REPO = r"(?P<owner>[^/]+)/(?P<name>[^/]+?)"
_SMART = re.compile(_REPO + r"/(?P<service>info/refs|git-upload-pack)")
_ARCHIVE = re.compile(_REPO + r"/archive/(?P<ref>.+)\.(?P<form>tar\.gz|zip)")


class Mirrors:
    """Git and archives below a path of a host, from copies below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._copies: dict[tuple[str, str], Repos] = {}

    def copy(self, host: str, path: str, repos: Repos) -> None:
        """Serves at `host` below `path`, which ends with a slash, what is there."""
        root = self._root / host / path.strip("/").replace("/", "-")
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(repos.root, root)
        self._copies[host, path] = Repos(root)

    def serve(self, request: Request) -> Response | None:
        """None where no mirror has this place; all other places below one are 404."""
        for (host, path), repos in self._copies.items():
            if request.host == host and request.path.startswith(path):
                return self._serve(repos, request.path.removeprefix(path), request)
        return None

    def _serve(self, repos: Repos, path: str, request: Request) -> Response:
        match = _SMART.fullmatch(path) or _ARCHIVE.fullmatch(path)
        repo = match and repos.find(match["owner"], match["name"])
        if match is None or repo is None:
            return text(404, "Not found.")
        if service := match.groupdict().get("service"):
            place = f"/{repo.relative_to(repos.root)}/{service}"
            return smart_http(repos.root, place, request)
        commit = commit_of(repo, match["ref"])
        if commit is None:
            return text(404, "Not found.")
        return archive(repo, commit, match["form"], match["name"])
