"""Git LFS: a batch server for each repository, and the host of their objects."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass

from tests.origin._message import Request, Response, as_json, text, whole

OBJECTS_HOST = "objects.githubusercontent.com"

_MEDIA_TYPE = "application/vnd.git-lfs+json"
_BATCH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(\.git)?/info/lfs/objects/batch"
)
_OBJECT = re.compile(r"/lfs/(?P<oid>[0-9a-f]{64})")
_MAX_BATCH = 100


def lfs_pointer(data: bytes) -> str:
    """The text that stands in a commit for a file of Git LFS."""
    oid = hashlib.sha256(data).hexdigest()
    version = "https://git-lfs.github.com/spec/v1"
    return f"version {version}\noid sha256:{oid}\nsize {len(data)}\n"


@dataclass
class _Object:
    data: bytes
    error: int | None
    stale: int


class Lfs:
    """Has a server for the repositories that have objects. Thread-safe."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._repos: dict[str, dict[str, _Object]] = {}

    def add(
        self,
        owner: str,
        name: str,
        data: bytes,
        *,
        served: bytes | None,
        error: int | None,
        stale: int,
    ) -> None:
        oid = hashlib.sha256(data).hexdigest()
        made = _Object(data if served is None else served, error, stale)
        with self._mutex:
            self._repos.setdefault(f"{owner}/{name}".lower(), {})[oid] = made

    def serve(self, request: Request) -> Response | None:
        """The answer where the request is for a batch or an object."""
        if match := _BATCH.fullmatch(request.path):
            with self._mutex:
                objects = self._repos.get(f"{match['owner']}/{match['name']}".lower())
                return self._batch(request, objects)
        match = _OBJECT.fullmatch(request.path)
        if match and request.host == OBJECTS_HOST:
            with self._mutex:
                return self._object(request, match["oid"])
        return None

    def _batch(self, request: Request, objects: dict[str, _Object] | None) -> Response:
        if objects is None:
            return text(404, "Not Found")
        if request.method != "POST":
            return text(405, "Method Not Allowed")
        for header in ("Accept", "Content-Type"):
            if request.headers.get(header) != _MEDIA_TYPE:
                return text(406, f"{header} is not {_MEDIA_TYPE}")
        asked = json.loads(b"".join(request.body))
        known = asked["operation"] == "download" and "basic" in asked["transfers"]
        if not known or asked["hash_algo"] != "sha256":
            return text(422, "this server gives downloads only")
        if len(asked["objects"]) > _MAX_BATCH:
            return text(413, f"over {_MAX_BATCH} objects")
        answers = [self._said(one, objects.get(one["oid"])) for one in asked["objects"]]
        answer = {"transfer": "basic", "objects": answers, "hash_algo": "sha256"}
        data = json.dumps(answer).encode()
        return whole(200, data, {"Content-Type": f"{_MEDIA_TYPE}; charset=utf-8"})

    def _said(self, asked: dict[str, object], known: _Object | None) -> object:
        error = 404 if known is None else known.error
        if known is None or error is not None:
            return {**asked, "error": {"code": error, "message": "Not \x1b[31mhere"}}
        fresh = "fresh"
        if known.stale:
            known.stale -= 1
            fresh = "stale"
        download = {
            "href": f"https://{OBJECTS_HOST}/lfs/{asked['oid']}?signed={fresh}",
            "header": {"X-Signed": "yes"},
            "expires_in": 60,
        }
        return {**asked, "authenticated": True, "actions": {"download": download}}

    def _object(self, request: Request, oid: str) -> Response:
        if request.query != "signed=fresh" or request.headers.get("X-Signed") != "yes":
            return as_json(403, {"message": "Request has expired"})
        for objects in self._repos.values():
            if oid in objects:
                headers = {"Content-Type": "application/octet-stream"}
                return whole(200, objects[oid].data, headers)
        return text(404, "Not Found")
