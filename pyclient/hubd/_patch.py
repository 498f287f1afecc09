"""Puts a front-end's functions in the place of its framework's.

For a while: a hubconf.py that is imported and called then asks hubd for what it
asks `torch.hub` (or its model_zoo) for; code that binds them early keeps ours.
Or until further notice, for hubd.install(). What is put there are attributes of
the framework's own modules: the functions that stay there, and those that others
bound before, call ours.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import operator
import sys
import threading
from types import ModuleType
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

_HUB = (
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
    # What these call, and others too.
    "_get_cache_or_reload",
    "_import_module",
    "_load_local",
    "_parse_repo_info",
    "_validate_not_a_forked_repo",
)
_ZOO = {
    "load_url": "load_state_dict_from_url",
    "load_state_dict_from_url": "load_state_dict_from_url",
}
_MEGENGINE = (
    "help",
    "import_module",
    "list",
    "load",
    "load_serialized_obj_from_url",
    "pretrained",
)
_MEGENGINE_INNER = (*_MEGENGINE, "_get_repo", "_init_hub", "download_from_url")
_HUB_DIR = "_hub_dir"
# Not the classes: the hub binds them, also in a table.
_FETCHERS = ("GitHTTPSFetcher.fetch", "GitSSHFetcher.fetch")


def _same(names: Tuple[str, ...]) -> Dict[str, str]:
    return {name: name for name in names}


# Framework -> its modules -> their names -> the front-end's; Class.method, too.
ORIGINALS: Dict[str, Dict[str, Mapping[str, str]]] = {
    "torch": {"torch.hub": _same(_HUB), "torch.utils.model_zoo": _ZOO},
    "oneflow": {"oneflow.hub": _same(_HUB), "oneflow.utils.model_zoo": _ZOO},
    "megengine": {
        "megengine.hub.fetcher": _same(_FETCHERS),
        "megengine.hub.hub": _same(_MEGENGINE_INNER),
        "megengine.hub": _same(_MEGENGINE),
    },
}


class _Swapped(NamedTuple):
    owner: Any
    name: str
    theirs: Any
    ours: Any


class Replacement:
    """Swaps a framework's functions for a front-end's. Thread-safe.

    What a user put in the place of one before is left there; what somebody puts
    in the place of one of ours stays, too.
    """

    def __init__(self, framework: str, front_end: ModuleType) -> None:
        self._framework = framework
        self._front_end = front_end
        self._originals = ORIGINALS[framework]
        self._lock = threading.Lock()
        self._users = 0
        self._installed = False
        self._swapped: Dict[ModuleType, List[_Swapped]] = {}
        # What set_dir() had set in the framework's hub, and in the front-end.
        self._hub_dirs: Dict[ModuleType, Any] = {}

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Holds for the block, for all threads; nests. Imports the framework."""
        modules = self._import_all()
        with self._lock:
            self._users += 1
            self._cover(modules)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._restore_if_unused()

    def follow(self, wanted: Callable[[], bool]) -> None:
        """Holds as long as wanted(), for what is imported and for covered().

        To be called after each change of that. Where threads do so at once, the
        last change counts. In the end the directories are what they were, too.
        """
        # A module that another thread is importing is waited for, without the lock.
        modules = [
            importlib.import_module(name)
            for name in self._originals
            if wanted() and sys.modules.get(name) is not None
        ]
        with self._lock:
            self._installed = wanted()
            if self._installed:
                self._cover(modules)
                return
            for module, hub_dir in self._hub_dirs.items():
                setattr(module, _HUB_DIR, hub_dir)
            self._hub_dirs.clear()
            self._restore_if_unused()

    def covered(self, module: ModuleType) -> None:
        """Takes note of one of the framework's modules that was just executed."""
        with self._lock:
            if self._installed or self._users > 0:
                self._swapped.pop(module, None)
                self._cover([module])

    def installed_hub(self) -> Optional[ModuleType]:
        """The framework's hub, where install() holds for it."""
        hub = sys.modules.get(self._framework + ".hub")
        return hub if self._installed and hub in self._swapped else None

    def users_own(self, name: str, ours: Any) -> Any:
        """What a user put in the place of `name` in the framework's hub; or None."""
        found = getattr(sys.modules.get(self._framework + ".hub"), name, ours)
        # The original is seen where the front-end does not stand in its place.
        return None if found is ours or self._is_original(found) else found

    def _import_all(self) -> List[ModuleType]:
        """Nothing without the framework."""
        if not _can_import(self._framework):
            return []
        found = [_import(name) for name in self._originals]
        return [module for module in found if module is not None]

    def _cover(self, modules: List[ModuleType]) -> None:
        for module in modules:
            if self._installed and _HUB_DIR in vars(module):
                for holder in (module, self._front_end):
                    self._hub_dirs.setdefault(holder, getattr(holder, _HUB_DIR, None))
            if module in self._swapped:
                continue
            # Before the first is replaced: a module may bind another's functions.
            swapped = [
                each for each in self._pairs(module) if self._is_original(each.theirs)
            ]
            for each in swapped:
                setattr(each.owner, each.name, each.ours)
            # Last: from here on, what is not ours there is a user's.
            self._swapped[module] = swapped

    def _pairs(self, module: ModuleType) -> Iterator[_Swapped]:
        """Theirs and ours of all that a module has."""
        for path, our_path in self._originals[module.__name__].items():
            in_class, _, name = path.rpartition(".")
            owner = vars(module).get(in_class) if in_class else module
            if owner is not None and name in vars(owner):
                theirs = vars(owner)[name]
                ours = operator.attrgetter(our_path)(self._front_end)
                # Bound from a module that was covered when this one was imported.
                theirs = self._theirs_for(ours) if theirs is ours else theirs
                yield _Swapped(owner, name, theirs, ours)

    def _theirs_for(self, ours: Any) -> Any:
        for swapped in self._swapped.values():
            for each in swapped:
                if each.ours is ours:
                    return each.theirs
        return ours

    def _is_original(self, theirs: Any) -> bool:
        """Whether the framework itself put it there."""
        theirs = getattr(theirs, "__func__", theirs)
        scope = getattr(theirs, "__globals__", None)
        home = scope.get("__name__") if isinstance(scope, dict) else None
        home = home or getattr(theirs, "__module__", None)
        return isinstance(home, str) and home.split(".")[0] == self._framework

    def _restore_if_unused(self) -> None:
        if self._installed or self._users > 0:
            return
        for swapped in self._swapped.values():
            for each in swapped:
                if vars(each.owner).get(each.name) is each.ours:
                    setattr(each.owner, each.name, each.theirs)
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
