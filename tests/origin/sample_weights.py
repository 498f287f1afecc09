"""The sample hub's checkpoint: a .npz archive, the same bytes on every machine.

The numbers come from a fixed generator: they make a network that runs, not one
that knows anything. numpy is not needed to write them.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

LAYERS = (64, 256, 128, 10)


@cache
def sample_weights() -> bytes:
    """The bytes of the .npz: w0, b0, w1, ... as little-endian float32."""
    numbers = _numbers()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as members:
        for index, (rows, columns) in enumerate(pairwise(LAYERS)):
            scale = (6 / (rows + columns)) ** 0.5
            _add(members, f"w{index}", (rows, columns), numbers, scale)
            _add(members, f"b{index}", (columns,), numbers, 0.1)
    return archive.getvalue()


def sample_weights_path() -> str:
    """Where the sample hub's release has them, below https://github.com."""
    digest = hashlib.sha256(sample_weights()).hexdigest()
    return f"/hubd/sample/releases/download/v1/tiny-{digest[:8]}.npz"


def _numbers() -> Iterator[float]:
    """Even numbers in [-1, 1), from Knuth's MMIX generator."""
    state = 1
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 40) / 2**23 - 1


def _add(
    members: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    numbers: Iterator[float],
    scale: float,
) -> None:
    count = 1
    for extent in shape:
        count *= extent
    values = [next(numbers) * scale for _ in range(count)]
    member = zipfile.ZipInfo(f"{name}.npy", (2024, 1, 1, 0, 0, 0))
    member.create_system = 3
    member.external_attr = 0o644 << 16
    members.writestr(member, _header(shape) + struct.pack(f"<{count}f", *values))


def _header(shape: tuple[int, ...]) -> bytes:
    """Version 1.0 of the .npy header, filled up to a multiple of 64 bytes."""
    facts = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = -(-(10 + len(facts) + 1) // 64) * 64 - 10
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", size)
    return magic + facts.ljust(size - 1) + b"\n"
