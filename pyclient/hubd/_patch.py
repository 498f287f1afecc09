"""Sends what hub code asks of its framework's own hub through hubd instead.

While a hubconf.py is imported and called, functions of `torch.hub` (and of its
model_zoo) are the front-end's. Code that binds them early keeps ours.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import threading
from types import ModuleType
from typing import Any, Dict, Iterator, List, Tuple

_HUB_NAMES = (
    "list",
    "help",
    "load",
    "load_state_dict_from_url",
    "download_url_to_file",
    "get_dir",
    "set_dir",
)
_ZOO_NAMES = ("load_url", "load_state_dict_from_url")


class Replacement:
    """Swaps a framework's functions for a front-end's; nests. Thread-safe."""

    def __init__(self, framework: str, front_end: ModuleType) -> None:
        self._framework = framework
        self._front_end = front_end
        self._lock = threading.Lock()
        self._users = 0
        # (module, name, the framework's, ours)
        self._swapped: List[Tuple[ModuleType, str, Any, Any]] = []

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Holds for the block, for all threads."""
        targets = self._targets()
        with self._lock:
            if self._users == 0:
                self._swap(targets)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._restore()

    def _targets(self) -> Dict[ModuleType, Dict[str, Any]]:
        """What to replace by what; nothing without the framework."""
        if not _can_import(self._framework):
            return {}
        ours = self._front_end
        targets: Dict[ModuleType, Dict[str, Any]] = {}
        hub = _import(self._framework + ".hub")
        if hub is not None:
            targets[hub] = {name: getattr(ours, name) for name in _HUB_NAMES}
        zoo = _import(self._framework + ".utils.model_zoo")
        if zoo is not None:
            load = getattr(ours, "load_state_dict_from_url")
            targets[zoo] = dict.fromkeys(_ZOO_NAMES, load)
        return targets

    def _swap(self, targets: Dict[ModuleType, Dict[str, Any]]) -> None:
        for module, functions in targets.items():
            for name, ours in functions.items():
                if hasattr(module, name):
                    self._swapped.append((module, name, getattr(module, name), ours))
                    setattr(module, name, ours)

    def _restore(self) -> None:
        for module, name, theirs, ours in self._swapped:
            # What hub code put there itself stays, as it would have.
            if getattr(module, name, None) is ours:
                setattr(module, name, theirs)
        self._swapped.clear()


def _can_import(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _import(name: str) -> Any:
    """A module, or None; hub code that needs it meets the error itself."""
    try:
        return importlib.import_module(name)
    except Exception:
        return None
