"""What a hubconf.py offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from hubd import _convert
from hubd._types import Tree


@dataclass(frozen=True)
class Entrypoint:
    """A callable of a hubconf.py and the first line of its docstring."""

    name: str
    summary: str


@dataclass(frozen=True)
class Listing:
    """The entrypoints of a repo."""

    tree: Tree
    entrypoints: Tuple[Entrypoint, ...]
    dependencies: Tuple[str, ...]
    # What hubconf.py printed; empty when cached.
    output: str
    # The result is that of an earlier run; no code ran.
    cached: bool


@dataclass(frozen=True)
class Documentation:
    """One entrypoint's docstring (None: it has none) and signature."""

    tree: Tree
    doc: Optional[str]
    signature: str
    # What hubconf.py printed; empty when cached.
    output: str
    # The result is that of an earlier run; no code ran.
    cached: bool


def listing(result: Any) -> Listing:
    return _convert.copied(
        Listing,
        result,
        tree=_convert.tree(result.tree),
        entrypoints=tuple(
            _convert.copied(Entrypoint, one) for one in result.entrypoints
        ),
        dependencies=tuple(result.dependencies),
    )


def documentation(result: Any) -> Documentation:
    return _convert.copied(
        Documentation,
        result,
        tree=_convert.tree(result.tree),
        doc=result.doc if result.HasField("doc") else None,
    )
