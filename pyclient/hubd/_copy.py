"""Writes a file of the user's own: aside, then renamed into place."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import BinaryIO, Iterator, Optional

# linux/fs.h: share the extents of another file.
_FICLONE = 0x40049409
_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` if the block ends well.

    Its mode is what the umask leaves. On failure `path` is what it was.
    """
    partial = f"{path}.{os.urandom(16).hex()}.partial"
    try:
        with open(partial, "w+b") as file:
            yield file
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def clone(source: str, file: BinaryIO) -> None:
    """Fills a file with another's bytes: shared on disk, or else copied."""
    with open(source, "rb") as origin:
        try:
            fcntl.ioctl(file.fileno(), _FICLONE, origin.fileno())
        except OSError:
            pour(origin, file)


def pour(source: BinaryIO, file: BinaryIO) -> None:
    """Copies the rest of a stream."""
    import shutil

    shutil.copyfileobj(source, file, _CHUNK_BYTES)


def read_url(
    url: str, file: BinaryIO, hash_prefix: Optional[str], user_agent: str
) -> None:
    """Fills a file from a URL that only the caller may read: file://, data:, ..."""
    import hashlib
    from urllib.request import Request, urlopen

    hasher = hashlib.sha256()
    with urlopen(Request(url, headers={"User-Agent": user_agent})) as source:
        for chunk in iter(lambda: source.read(_CHUNK_BYTES), b""):
            hasher.update(chunk)
            file.write(chunk)
    check_hash(hasher.hexdigest(), hash_prefix)


def check_hash(digest: str, hash_prefix: Optional[str]) -> None:
    """Raises the originals' error where a digest begins otherwise."""
    if hash_prefix is not None and not digest.startswith(hash_prefix):
        raise RuntimeError(
            f'invalid hash value (expected "{hash_prefix}", got "{digest}")'
        )
