"""hubd.install(): the front-ends in the place of the originals, for all code.

What is imported is changed at once, the rest when it is imported. Nothing is
imported for it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, FrozenSet, Optional, Sequence

from hubd import _options, _patch
from hubd._errors import InvalidArgument

_lock = threading.Lock()
# Replaced, never changed: imports of other threads look at it.
_frameworks: FrozenSet[str] = frozenset()


def install() -> None:
    """Puts hubd in the place of torch.hub, oneflow.hub and megengine.hub.

    Also of their model_zoo modules, and whether or not they were imported before.
    $HUBD_IMPORTS names the frameworks that are meant, separated by commas; it is
    read now ("0": none). May be called again, at no cost.
    """
    global _frameworks
    wanted = _wanted()
    with _lock:
        _frameworks |= wanted
        if wanted and _hook not in sys.meta_path:
            sys.meta_path.insert(0, _hook)
    for framework in wanted:
        if any(name in sys.modules for name in _patch.ORIGINALS[framework]):
            _follow(framework)


def uninstall() -> None:
    """Gives the originals their functions back. Without install(), does nothing."""
    global _frameworks
    with _lock:
        _frameworks = frozenset()
        if _hook in sys.meta_path:
            sys.meta_path.remove(_hook)
    # Not only what was wanted: another thread may have gone on installing.
    for framework in _patch.ORIGINALS:
        if "hubd." + framework in sys.modules:
            _follow(framework)


def check_environment() -> None:
    """Raises InvalidArgument where $HUBD_IMPORTS makes no sense."""
    _wanted()


def _wanted() -> FrozenSet[str]:
    text = os.environ.get("HUBD_IMPORTS", "")
    if _options.is_off("HUBD_IMPORTS"):
        return frozenset()
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    unknown = sorted(names - set(_patch.ORIGINALS))
    if unknown:
        known = ", ".join(_patch.ORIGINALS)
        raise InvalidArgument(
            f'HUBD_IMPORTS: hubd takes no place of "{unknown[0]}"; write some of '
            f"{known}, or 0 for none"
        )
    return names or frozenset(_patch.ORIGINALS)


def _replacement(framework: str) -> _patch.Replacement:
    front_end = importlib.import_module("hubd." + framework)
    found: _patch.Replacement = front_end._front_end.replacement
    return found


def _follow(framework: str) -> None:
    _replacement(framework).follow(lambda: framework in _frameworks)


class _Hook:
    """Sees the originals being imported; others find them."""

    def find_spec(
        self,
        name: str,
        path: Optional[Sequence[str]],
        target: Optional[ModuleType] = None,
    ) -> Optional[ModuleSpec]:
        framework = name.partition(".")[0]
        if framework not in _frameworks or name not in _patch.ORIGINALS[framework]:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find and finder is not self else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)
                found: ModuleSpec = spec
                return found
        return None


class _Loader:
    """Executes a module as its own loader does, which it then has again."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        # A copy that is being made has no _loader yet.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        create = getattr(self._loader, "create_module", None)
        made: Optional[ModuleType] = create(spec) if create else None
        return made

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        framework = module.__name__.partition(".")[0]
        if framework in _frameworks:
            _replacement(framework).covered(module)
            _follow(framework)


_hook = _Hook()
