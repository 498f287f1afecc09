"""Describes this Python, which shall run a hubconf.py in the sandbox."""

from __future__ import annotations

import os
import site
import sys
from dataclasses import dataclass
from typing import List, Tuple

from hubd import _imports


@dataclass(frozen=True)
class Interpreter:
    """The program, its prefixes, and the directories of what is installed."""

    executable: str
    prefix: str
    base_prefix: str
    site_directories: Tuple[str, ...]
    ld_library_path: str


def describe() -> Interpreter:
    """Says what belongs to this Python's installation."""
    return Interpreter(
        executable=sys.executable,
        prefix=sys.prefix,
        base_prefix=sys.base_prefix,
        site_directories=tuple(_site_directories()),
        ld_library_path=os.environ.get("LD_LIBRARY_PATH", ""),
    )


def _site_directories() -> List[str]:
    """Existing directories outside the prefixes, then the site directories."""
    prefixes = [os.path.join(prefix, "") for prefix in (sys.prefix, sys.base_prefix)]
    not_ours = ("", os.getcwd(), _script_directory())
    found = []
    for path in sys.path:
        inside = any(os.path.join(path, "").startswith(prefix) for prefix in prefixes)
        if path not in not_ours and not inside and not _imports.in_tree(path):
            found.append(path)
    # Some virtual environments come with a `site` that lacks these.
    found += getattr(site, "getsitepackages", list)()
    if site.ENABLE_USER_SITE:
        found.append(site.getusersitepackages())
    absolute = [os.path.abspath(path) for path in found if os.path.isdir(path)]
    return list(dict.fromkeys(absolute))


def _script_directory() -> str:
    """What Python put first on sys.path for the program it runs."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.dirname(os.path.abspath(path)) if path else ""
