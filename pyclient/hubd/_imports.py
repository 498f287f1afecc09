"""Imports a hubconf.py into this process and calls its entrypoints."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import threading
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from types import ModuleType
from typing import Any, Callable, FrozenSet, Iterable, Iterator, List, Mapping, Sequence

MODULE_HUBCONF = "hubconf.py"
VAR_DEPENDENCY = "dependencies"


class _TreeLoader(SourceFileLoader):
    """Imports a tree's modules and leaves no byte code in it."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        del path, data, _mode


_lock = threading.Lock()
# Replaced, never changed: imports of other threads look through it.
_trees: FrozenSet[str] = frozenset()
_quiet_users = 0
_quiet_before = False


def adopt_tree(tree: str) -> None:
    """From here on no import of this process writes into a tree of the store."""
    global _trees
    root = os.path.join(os.path.realpath(tree), "")
    with _lock:
        if root in _trees:
            return
        if _tree_finder not in sys.path_hooks:
            sys.path_hooks.insert(0, _tree_finder)
        _trees |= {root}
        for path in list(sys.path_importer_cache):
            if os.path.join(os.path.realpath(path), "").startswith(root):
                sys.path_importer_cache.pop(path, None)


def _tree_finder(path: str) -> FileFinder:
    """The path hook for directories of trees; it also serves late imports."""
    real = os.path.join(os.path.realpath(path), "") if path else ""
    if not real or not any(real.startswith(root) for root in _trees):
        raise ImportError("not in a tree", path=path)
    return FileFinder(
        path,
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (_TreeLoader, SOURCE_SUFFIXES),
    )


def in_tree(path: str) -> bool:
    """Whether a directory is, or lies in, a tree that was adopted."""
    real = os.path.join(os.path.realpath(path), "")
    return any(real.startswith(root) for root in _trees)


@contextlib.contextmanager
def no_byte_code() -> Iterator[None]:
    """Lets nobody write byte code: a repo may import its files by its own means."""
    global _quiet_users, _quiet_before
    with _lock:
        if _quiet_users == 0:
            _quiet_before = sys.dont_write_bytecode
            sys.dont_write_bytecode = True
        _quiet_users += 1
    try:
        yield
    finally:
        with _lock:
            _quiet_users -= 1
            if _quiet_users == 0:
                sys.dont_write_bytecode = _quiet_before


@contextlib.contextmanager
def on_path(directory: str) -> Iterator[None]:
    """Puts a directory first on sys.path for the block."""
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(directory)


def import_hubconf(name: str, path: str) -> ModuleType:
    """Executes a file as a module that does not enter sys.modules."""
    loader = None
    if in_tree(os.path.dirname(path)):
        loader = _TreeLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(
    directory: str, model: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Calls an entrypoint, with its directory on sys.path."""
    with running(directory), on_path(directory):
        module = import_hubconf(MODULE_HUBCONF, os.path.join(directory, MODULE_HUBCONF))
        return load_entry(module, model)(*args, **kwargs)


def hubconf_of(directory: str) -> ModuleType:
    """A directory's hubconf.py, with the directory on sys.path for its import."""
    with running(directory), on_path(directory):
        return import_hubconf(MODULE_HUBCONF, os.path.join(directory, MODULE_HUBCONF))


def names(module: ModuleType, hidden_prefix: str) -> List[str]:
    """The entrypoints of a hubconf.py, in alphabetical order."""
    return [
        name
        for name in dir(module)
        if callable(getattr(module, name)) and not name.startswith(hidden_prefix)
    ]


@contextlib.contextmanager
def running(directory: str) -> Iterator[None]:
    """Holds while code of a directory runs: none is written into a tree."""
    with contextlib.ExitStack() as stack:
        if in_tree(os.path.dirname(_real_hubconf(directory))):
            stack.enter_context(no_byte_code())
        yield


def _real_hubconf(directory: str) -> str:
    return os.path.realpath(os.path.join(directory, MODULE_HUBCONF))


def load_entry(module: ModuleType, model: str) -> Callable[..., Any]:
    """Finds an entrypoint, after a look at what the module depends on."""
    check_name(model)
    check_dependencies(module)
    function = attribute(module, model)
    if function is None or not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    found: Callable[..., Any] = function
    return found


def check_name(model: object) -> None:
    """Refuses what cannot be the name of an entrypoint."""
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")


def check_dependencies(module: ModuleType) -> None:
    """Raises where a package that the module lists is not installed."""
    wanted = attribute(module, VAR_DEPENDENCY)
    if wanted is not None and missing(wanted):
        raise RuntimeError(f"Missing dependencies: {', '.join(missing(wanted))}")


def missing(packages: Iterable[str]) -> List[str]:
    """Those that are not installed."""
    return [name for name in packages if importlib.util.find_spec(name) is None]


def attribute(module: ModuleType, name: str) -> Any:
    """A module's attribute, or None."""
    return getattr(module, name) if name in dir(module) else None
