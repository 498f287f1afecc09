"""Checkpoints, as the hubs' users ask for them: by URL, into a named file."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlparse

from hubd import _copy, _options, _view, _warn
from hubd._errors import HubdError, OfflineMiss
from hubd._profile import Profile
from hubd._progress import Bar

if TYPE_CHECKING:
    from hubd._client import Client
    from hubd._types import Checkpoint, Progress

# matches bfd8deac from resnet18-bfd8deac.pth
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")

_LEGACY_WARNING = (
    "Falling back to the old format < 1.6. This support will be deprecated in favor "
    "of default zipfile format introduced in 1.6. Please redo torch.save() to save "
    "it in the new zipfile format."
)

# Reasons for which the origin may be asked later as well.
_SILENT = ("UPSTREAM_UNAVAILABLE", "RATE_LIMITED")

Path = Union[str, "os.PathLike[str]"]


class StateDictFile(NamedTuple):
    """What the framework shall load, and what keeps it from being evicted."""

    path: str
    checkpoint: Optional[Checkpoint] = None


def announce(profile: Profile, url: str, path: str) -> None:
    """Says that something is downloaded, as and where the original says it."""
    if profile.announce_on != "nowhere":
        stream = sys.stdout if profile.announce_on == "stdout" else sys.stderr
        stream.write(f'Downloading: "{url}" to {path}\n')


def target(
    url: str, model_dir: Optional[Path], file_name: Optional[str], hub_dir: str
) -> Tuple[str, str]:
    """The directory (made if absent) and the name that a checkpoint gets."""
    directory = os.path.join(hub_dir, "checkpoints")
    if model_dir is not None:
        directory = os.fspath(model_dir)
    os.makedirs(directory, exist_ok=True)
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    return directory, name


def hash_in(name: str) -> Optional[str]:
    """The first digits of the digest that a file's name promises."""
    match = HASH_REGEX.search(name)
    return match.group(1) if match else None


class Weights:
    """Fetches checkpoints for one front-end."""

    def __init__(
        self,
        profile: Profile,
        client: Callable[[], Client],
        translate: Callable[..., HubdError],
    ) -> None:
        self._profile = profile
        self._client = client
        self._translate = translate

    def present(
        self,
        url: str,
        directory: str,
        name: str,
        *,
        hash_prefix: Optional[str],
        progress: bool,
        replaced_download: Optional[Callable[..., Any]],
    ) -> StateDictFile:
        """Makes sure that a checkpoint is there, and says what to load.

        replaced_download: the user's own download_url_to_file, which then does
        the work on a miss, as in the originals.
        """
        path = os.path.join(directory, name)
        own = os.path.exists(path) and not _view.is_checkpoint_link(path)
        if _options.lock() is not None:
            # Of a file that the user put there, nobody knows which one it is.
            shown = None if own else path
            return self._from_store(url, shown, hash_prefix, progress)
        if own:
            return self._unzip_in_place(path, directory)
        if replaced_download is not None:
            if not os.path.exists(path):
                # It may write through a link, and what that showed may be evicted.
                _view.sweep(os.path.dirname(path))
                announce(self._profile, url, path)
                replaced_download(url, path, hash_prefix, progress=progress)
            return self._unzip_in_place(path, directory)
        if not _is_remote(url):
            announce(self._profile, url, path)
            with _copy.replacing(path) as file:
                _copy.read_url(url, file, hash_prefix, self._profile.user_agent)
            return self._unzip_in_place(path, directory)
        return self._from_store(url, path, hash_prefix, progress)

    def _from_store(
        self, url: str, path: Optional[str], hash_prefix: Optional[str], progress: bool
    ) -> StateDictFile:
        """What the daemon has, shown at `path`; None: nowhere."""
        ask = self._revalidated if _options.refresh() else self._fetch
        unpack = self._profile.unpacks == "every zip"
        found = ask(url, path, hash_prefix, progress, unpack=unpack)
        if path is not None:
            _view.place_checkpoint(path, found.path, url)
        return self._unzipped(url, found)

    def download(
        self, url: str, dst: Path, hash_prefix: Optional[str], progress: bool
    ) -> None:
        """Writes a file of the user's own, from what the origin has by now."""
        path = os.path.expanduser(os.fspath(dst))
        with _copy.replacing(path) as file:
            if not _is_remote(url) and _options.lock() is None:
                _copy.read_url(url, file, hash_prefix, self._profile.user_agent)
                return
            found = self._revalidated(url, None, hash_prefix, progress)
            _copy.clone(found.path, file)

    def _revalidated(
        self,
        url: str,
        path: Optional[str],
        hash_prefix: Optional[str],
        progress: bool,
        *,
        unpack: bool = False,
    ) -> Checkpoint:
        """What the origin has by now; while it is silent, what is cached."""
        try:
            return self._fetch(
                url, path, hash_prefix, progress, refresh=True, unpack=unpack
            )
        except HubdError as error:
            if error.reason not in _SILENT:
                raise
            try:
                found = self._fetch(
                    url, None, hash_prefix, False, offline=True, unpack=unpack
                )
            except OfflineMiss:
                raise error from None
        if not hash_prefix:  # With one, the bytes are known to be the right ones.
            _warn.warn(f"{url}: the origin does not answer; the cached bytes are used")
        return found

    def _fetch(
        self,
        url: str,
        path: Optional[str],
        hash_prefix: Optional[str],
        progress: bool,
        *,
        refresh: Optional[bool] = None,
        offline: Optional[bool] = None,
        unpack: bool = False,
    ) -> Checkpoint:
        """Asks the daemon; `path`: what to name when it downloads."""
        announcement = _Once(self._profile, url, path)
        # What cannot match is refused below, in the originals' words.
        wanted = re.fullmatch("[0-9a-f]{0,64}", hash_prefix or "")
        try:
            with Bar(progress) as bar:

                def report(update: Progress) -> None:
                    if update.phase in ("connecting", "downloading"):
                        announcement.make()
                    bar(update)

                found = self._client().fetch_state_dict(
                    url,
                    sha256_prefix=wanted.group() if wanted else "",
                    refresh=refresh,
                    offline=offline,
                    unpack=unpack,
                    progress=report,
                )
        except HubdError as error:
            raise self._translate(error, url=url, hash_prefix=hash_prefix) from error
        if not found.cached:
            announcement.make()
        for text in found.warnings:
            _warn.warn(text)
        _copy.check_hash(found.sha256, hash_prefix)
        return found

    def _unzipped(self, url: str, found: Checkpoint) -> StateDictFile:
        """Steps into a zip archive where the framework expects it."""
        if self._is_old_zip(found.path):
            # The bytes are there: only their unpacking is asked for.
            found = self._fetch(
                url, None, found.sha256, False, refresh=False, unpack=True
            )
        if not found.unpacked_path:
            return StateDictFile(found.path, found)
        return StateDictFile(os.path.join(found.unpacked_path, found.members[0]), found)

    def _unzip_in_place(self, path: str, directory: str) -> StateDictFile:
        """The same for the user's own file, beside which it is unpacked."""
        import zipfile

        every = self._profile.unpacks == "every zip" and zipfile.is_zipfile(path)
        if not every and not self._is_old_zip(path):
            return StateDictFile(path)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(directory)
            first = archive.infolist()[0].filename
        return StateDictFile(os.path.join(directory, first))

    def _is_old_zip(self, path: str) -> bool:
        """Whether it is of a format that is unpacked, with a warning."""
        if self._profile.unpacks != "old zips" or not _has_single_file(path):
            return False
        _warn.warn(_LEGACY_WARNING, FutureWarning)
        return True


class _Once:
    """An announcement that is made at most once."""

    def __init__(self, profile: Profile, url: str, path: Optional[str]) -> None:
        self._profile = profile
        self._url = url
        self._path = path

    def make(self) -> None:
        path, self._path = self._path, None
        if path is not None:
            announce(self._profile, self._url, path)


def _is_remote(url: str) -> bool:
    """Whether the daemon may fetch it; the rest is read with the user's rights."""
    return urlparse(url).scheme.lower() in ("http", "https", "")


def _has_single_file(path: str) -> bool:
    """Whether it is a zip archive of the format that torch wrote before 1.6."""
    import zipfile

    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    return len(members) == 1 and not members[0].is_dir()
