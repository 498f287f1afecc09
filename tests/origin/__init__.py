"""A real git and HTTPS origin on loopback, for the tests and the quickstart."""

from tests.origin._control import Answer, Cut, Gate, RateLimit
from tests.origin._counters import Seen
from tests.origin._lfs import lfs_pointer
from tests.origin._repos import Content, Executable, Gitlink, SymlinkTo
from tests.origin.origin import DEFAULT_NAMES, Origin
from tests.origin.sample_hub import add_sample

__all__ = [
    "DEFAULT_NAMES",
    "Answer",
    "Content",
    "Cut",
    "Executable",
    "Gate",
    "Gitlink",
    "Origin",
    "RateLimit",
    "Seen",
    "SymlinkTo",
    "add_sample",
    "lfs_pointer",
]
