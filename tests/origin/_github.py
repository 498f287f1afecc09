"""The parts of GitHub that hubs use: git, archives, branch pages, two API lists."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qs, quote

from tests.origin._files import Files
from tests.origin._git import archive, commit_of, smart_http
from tests.origin._lfs import Lfs
from tests.origin._message import Request, Response, as_json, text
from tests.origin._mirror import Mirrors
from tests.origin._repos import Repos, is_branch_and_tag, refs

_REPO = r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)"
_SMART = re.compile(
    _REPO + r"(\.git)?/(?P<service>info/refs|git-upload-pack|git-receive-pack)"
)
_NESTED = re.compile(
    r"(?P<path>(?:/\w[\w.-]*){3,}?)/(?P<service>info/refs|git-upload-pack)"
)
_ARCHIVE = re.compile(_REPO + r"/archive/(?P<ref>.+)\.(?P<form>tar\.gz|zip)")
_BALL = re.compile(_REPO + r"/(?P<form>tar|zip)ball/(?P<ref>.+)")
_TREE = re.compile(_REPO + r"/tree/(?P<ref>.+?)/?")
_CODELOAD = re.compile(_REPO + r"/(?P<old>legacy\.)?(?P<form>tar\.gz|zip)/(?P<ref>.+)")
_LIST = re.compile(r"/repos" + _REPO + r"/(?P<kind>branches|tags)")
_BELOW = re.compile(_REPO + r"(\.git)?(?P<rest>/.*)?")
_GITHUB = ("github.com", "codeload.github.com", "api.github.com")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class GitHub:
    """Routes requests: mirrors and repositories first, files for all else.

    Thread-safe.
    """

    def __init__(self, repos: Repos, mirrors: Mirrors, files: Files, lfs: Lfs) -> None:
        self._repos = repos
        self._mirrors = mirrors
        self._files = files
        self._lfs = lfs

    def serve(self, request: Request) -> Response:
        if mirrored := self._mirrors.serve(request):
            return mirrored
        if moved := self._moved(request):
            return moved
        # Git is spoken on every host, so that any name can play another git host.
        if match := _SMART.fullmatch(request.path):
            return self._smart(request, match)
        if match := _NESTED.fullmatch(request.path):
            return self._nested(request, match)
        # Of what is private, archives are made for no fine-grained token.
        if self._is_private(request):
            return text(404, "Not Found")
        if answer := self._lfs.serve(request):
            return answer
        route = {
            "github.com": self._github,
            "codeload.github.com": self._codeload,
            "api.github.com": self._api,
        }.get(request.host)
        answer = route(request) if route else None
        return answer or self._files.serve(request)

    def _moved(self, request: Request) -> Response | None:
        match = _BELOW.fullmatch(request.path)
        to = match and self._repos.moved_to(match["owner"], match["name"])
        if match is None or to is None:
            return None
        place = f"https://{request.host}{request.port_suffix}/{to}"
        query = f"?{request.query}" if request.query else ""
        target = f"{place}{quote(match['rest'] or '')}{query}"
        return Response(status=301, headers={"Location": target})

    def _is_private(self, request: Request) -> bool:
        match = _LIST.fullmatch(request.path) or _BELOW.fullmatch(request.path)
        if match is None or request.host not in _GITHUB:
            return False
        return self._repos.login_for(match["owner"], match["name"]) is not None

    def _smart(self, request: Request, match: re.Match[str]) -> Response:
        repo = self._repos.find(match["owner"], match["name"])
        if repo is None:
            return text(404, "Repository not found.")
        login = self._repos.login_for(match["owner"], match["name"])
        if login is not None and _basic(request) != login:
            challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
            return Response(status=401, headers=challenge)
        path = f"/{repo.relative_to(self._repos.root)}/{match['service']}"
        return smart_http(self._repos.root, path, request)

    def _nested(self, request: Request, match: re.Match[str]) -> Response:
        """A repository of a group in a group: found, as GitLab has it, as NAME.git,
        to which its name alone leads."""
        path = match["path"].removesuffix(".git") + ".git"
        if not (self._repos.root / path[1:]).is_dir():
            return text(404, "Repository not found.")
        service = f"{path}/{match['service']}"
        if match["path"] == path:
            return smart_http(self._repos.root, service, request)
        query = f"?{request.query}" if request.query else ""
        place = f"https://{request.host}{request.port_suffix}{service}{query}"
        return Response(status=301, headers={"Location": place})

    def _github(self, request: Request) -> Response | None:
        if match := _ARCHIVE.fullmatch(request.path):
            return self._to_codeload(request, match, match["form"])
        if match := _BALL.fullmatch(request.path):
            form = {"tar": "legacy.tar.gz", "zip": "legacy.zip"}[match["form"]]
            return self._to_codeload(request, match, form)
        if match := _TREE.fullmatch(request.path):
            repo = self._repos.find(match["owner"], match["name"])
            if repo is None or commit_of(repo, match["ref"]) is None:
                return text(404, "Not Found")
            return text(200, f"{match['owner']}/{match['name']} at {match['ref']}")
        return None

    def _to_codeload(
        self, request: Request, match: re.Match[str], form: str
    ) -> Response:
        owner, name = match["owner"], match["name"]
        if self._repos.find(owner, name) is None:
            return text(404, "Not Found")
        place = f"codeload.github.com{request.port_suffix}"
        path = quote(f"/{owner}/{name}/{form}/{match['ref']}")
        return Response(status=302, headers={"Location": f"https://{place}{path}"})

    def _codeload(self, request: Request) -> Response | None:
        match = _CODELOAD.fullmatch(request.path)
        if match is None:
            return None
        owner, name, ref = match["owner"], match["name"], match["ref"]
        repo = self._repos.find(owner, name)
        if repo is not None and is_branch_and_tag(repo, ref):
            return text(300, f"the given path has multiple possibilities: {ref}")
        commit = commit_of(repo, ref) if repo else None
        if repo is None or commit is None:
            return text(404, "404: Not Found")
        top = f"{name}-{_label(ref)}"
        if match["old"]:
            top = f"{owner}-{name}-{commit[:7]}"
        return archive(repo, commit, match["form"], top)

    def _api(self, request: Request) -> Response | None:
        match = _LIST.fullmatch(request.path)
        if match is None:
            return None
        repo = self._repos.find(match["owner"], match["name"])
        if repo is None:
            return as_json(404, {"message": "Not Found"})
        query = parse_qs(request.query)
        size = min(int(query.get("per_page", ["30"])[0]), 100)
        first = (int(query.get("page", ["1"])[0]) - 1) * size
        kind = "heads" if match["kind"] == "branches" else "tags"
        page = refs(repo, kind)[first : first + size]
        return as_json(200, [{"name": n, "commit": {"sha": c}} for n, c in page])


def _basic(request: Request) -> str | None:
    """USER:PASSWORD that a request shows."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return base64.b64decode(value).decode() if kind == "Basic" else None


def _label(ref: str) -> str:
    """How an archive's top folder says the ref: no v before a version, no slash."""
    if _COMMIT.fullmatch(ref):
        return ref
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return re.sub(r"^v(?=\d)", "", short).replace("/", "-")
