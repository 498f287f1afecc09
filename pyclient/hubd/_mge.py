"""What megengine.hub does otherwise than the other hubs.

It names a repo by host, ref and commit, keeps its directory under a digest, asks
nobody for trust, and runs an entrypoint without the repo on sys.path.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Tuple
from urllib.parse import urlparse

from hubd import (
    _asked,
    _copy,
    _hub,
    _imports,
    _mge_errors,
    _options,
    _view,
    _weights,
)
from hubd._errors import HubdError

PROTOCOLS = ("HTTPS", "SSH")
_DEFAULT_REF = "master"
# As MegEngine has it; a port is hubd's own.
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-_]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-_]{0,61}[a-z]"
)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PORT = re.compile(r":[1-9]\d{0,4}$")


@dataclass(frozen=True)
class Asked(_asked.Asked):
    """A repo as MegEngine's users name it."""

    git_host: str = ""
    repo_info: str = ""
    commit: Optional[str] = None
    protocol: str = "HTTPS"

    def shown_as(self, ref: str) -> str:
        """MegEngine's name for it: its own version, and a digest of the request."""
        del ref
        words = [self.owner, self.name, self._branch().replace("/", "_")]
        if self.commit:
            words.append(self.commit)
        digest = hashlib.sha1("_".join(words).encode()).hexdigest()[:16]
        return "_".join([*_version().split("."), digest])

    def directories(self) -> Tuple[str, ...]:
        return (self.shown_as(""),)

    def url(self) -> str:
        """What MegEngine downloads or clones."""
        if self.protocol == "SSH":
            return f"git@{self.git_host}:{self.owner}/{self.name}.git"
        return (
            f"https://{self.git_host}/{self.owner}/{self.name}/archive/"
            f"{self.commit or self._branch()}.zip"
        )

    def _branch(self) -> str:
        return _DEFAULT_REF if self.ref is None else self.ref


def _version() -> str:
    """MegEngine's version, without importing it; "0" where it is not installed."""
    loaded = getattr(sys.modules.get("megengine"), "__version__", None)
    if isinstance(loaded, str):
        return loaded
    from importlib import metadata

    try:
        return metadata.version("MegEngine")
    except metadata.PackageNotFoundError:
        return "0"


class FrontEnd(_hub.FrontEnd):
    """The drop-in for megengine.hub."""

    def ask_for(
        self,
        repo_info: str,
        git_host: str,
        use_cache: bool,
        commit: Optional[str],
        protocol: str,
        hub_dir: Optional[str] = None,
    ) -> Asked:
        """Understands a request; refuses in MegEngine's order and words.

        hub_dir: where the repo shall be shown; None: home/hub.
        """
        if protocol not in PROTOCOLS:
            raise _mge_errors.made(
                _mge_errors.InvalidProtocol,
                f"Invalid protocol, the value should be one of {', '.join(PROTOCOLS)}.",
            )
        if not _is_host(git_host):
            raise _mge_errors.made(
                _mge_errors.InvalidGitHost, f"git_host: '{git_host}' is malformed."
            )
        owner, name, ref = _split(repo_info)
        if hub_dir is None:
            hub_dir = self.get_dir()
            os.makedirs(hub_dir, exist_ok=True)
        wanted = commit or ref
        place = f"{git_host}/{owner}/{name}"
        if protocol == "SSH":
            place = f"ssh://git@{place}.git"
        return Asked(
            spec=place + (f":{wanted}" if wanted else ""),
            owner=owner,
            name=name,
            ref=ref,
            hub_dir=hub_dir,
            force_reload=not use_cache,
            # Of a commit, MegEngine wants no branch or tag that names it.
            skip_validation=bool(commit),
            default_ref=self._profile.default_ref,
            git_host=git_host,
            repo_info=repo_info,
            commit=commit,
            protocol=protocol,
        )

    def import_hubconf(self, asked: Asked) -> ModuleType:
        """A repo's hubconf.py; what its import asks of MegEngine goes through hubd."""
        return self.hubconf_of(self._get(asked, False))

    def call_entry(
        self, asked: Asked, entry: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]
    ) -> Any:
        """Calls an entrypoint, with the repo's directory off sys.path again."""
        place = self._get(asked, False)
        with self._replacement.active(), _options.of_hub_code(), _imports.running(
            place.run
        ):
            module = _imports.hubconf_of(place.run)
            function = self.documented_entry(module, entry)
            _imports.check_dependencies(module)
            return function(*args, **kwargs)

    def directory_of(self, asked: Asked) -> str:
        """The directory in the view that shows a repo."""
        return self._get(asked, False).shown

    def load_object(self, url: str, model_dir: Optional[_weights.Path]) -> Any:
        """Unpickles a checkpoint."""
        if model_dir is None:
            model_dir = os.path.join(self.home(), "serialized")
        prefix = hashlib.sha256(url.encode()).hexdigest()[:6]
        base = os.path.basename(urlparse(url).path)
        directory, name = _weights.target(url, model_dir, f"{prefix}_{base}", "")
        from megengine.logger import get_logger
        from megengine.serialization import load

        get_logger("megengine.hub.hub").info(
            "load_serialized_obj_from_url: download to or using cached %s",
            os.path.join(directory, name),
        )
        file = self._weights.present(
            url,
            directory,
            name,
            hash_prefix=None,
            progress=True,
            replaced_download=None if _is_http(url) else _copy_with_megfile,
        )
        result = load(file.path)
        # Until here `file` holds the leases.
        del file
        return result

    def write(self, url: str, dst: str) -> str:
        """Writes what a URL has to the user's file `dst`; its MD5."""
        path = os.path.expanduser(dst)
        if _is_http(url) or _options.lock() is not None:
            self.download(url, path, None, True)
        else:
            _copy_with_megfile(url, path)
        digest = hashlib.md5()
        with open(path, "rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
        return digest.hexdigest()

    # What the shared part leaves to a hub.

    def _chosen_dir(self) -> Optional[str]:
        return None

    def _cached_by_original(
        self, asked: _asked.Asked, verbose: bool
    ) -> Optional[_hub.Place]:
        """Nobody is asked for trust: only what is the caller's own counts."""
        found = super()._cached_by_original(asked, verbose)
        if found is None or not _view.owned_directory(found.shown):
            return None
        return found

    def documented_entry(self, module: ModuleType, model: str) -> Callable[..., Any]:
        function = getattr(module, model, None)
        if function is None or not callable(function):
            raise RuntimeError(f"Cannot find callable {model} in hubconf.py")
        found: Callable[..., Any] = function
        return found

    def repo_error(self, asked: _asked.Asked, error: HubdError) -> HubdError:
        assert isinstance(asked, Asked)
        if asked.protocol == "SSH":
            return _mge_errors.of_pull(error, repo_info=asked.repo_info)
        return _mge_errors.of_repo(error, repo_info=asked.repo_info, url=asked.url())

    def checkpoint_error(
        self, error: HubdError, *, url: str, hash_prefix: Optional[str]
    ) -> HubdError:
        del hash_prefix
        return _mge_errors.of_checkpoint(error, url=url)

    def can_run_here(self, error: HubdError) -> bool:
        # MegEngine's help() asks for no dependencies.
        return error.reason == "MISSING_DEPENDENCY" or super().can_run_here(error)


def _split(repo_info: str) -> Tuple[str, str, Optional[str]]:
    try:
        return _hub.split_repo(repo_info)
    except ValueError:
        raise _mge_errors.made(
            _mge_errors.InvalidRepo, f"repo_info: '{repo_info}' is invalid."
        ) from None


def _is_host(git_host: str) -> bool:
    name = _PORT.sub("", git_host)
    if _ADDRESS.fullmatch(name):
        return all(int(part) < 256 for part in name.split("."))
    try:
        return _HOST.fullmatch(name.encode("idna").decode("ascii")) is not None
    except UnicodeError:
        return False


def _is_http(url: str) -> bool:
    return urlparse(url).scheme.lower() in ("http", "https")


def _copy_with_megfile(
    url: str, path: str, hash_prefix: Optional[str] = None, progress: bool = True
) -> None:
    """Copies what the daemon may not read: the caller's own files, s3://."""
    del hash_prefix, progress
    from megfile import smart_open

    with _copy.replacing(path) as file, smart_open(url, "rb") as source:
        _copy.pour(source, file)
