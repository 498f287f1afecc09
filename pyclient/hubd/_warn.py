"""Warnings that name the line which called hubd, not one of ours."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType
from typing import TYPE_CHECKING, Optional, Tuple, Type

if TYPE_CHECKING:
    from hubd._types import Tree

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_AMBIGUOUS = (
    "The ref {} is ambiguous. Perhaps it is both a tag and a branch in the repo? {} "
    "will now assume that it's a branch. You can disambiguate tags and branches by "
    "explicitly passing refs/heads/branch_name or refs/tags/tag_name as the ref. That "
    "might require using skip_validation=True."
)


def warn(text: str, category: Type[Warning] = UserWarning) -> None:
    """Warns at the innermost line outside this package."""
    level = 2
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(text, category, stacklevel=level)


def of_tree(
    tree: Tree, ref: Optional[str], called: str, is_hit: bool
) -> Tuple[str, ...]:
    """What is told of a tree: of an ambiguous ref, what the original tells.

    called: what the original calls itself; empty: it has no such warning.
    """
    if not tree.ambiguous_ref or not called:
        return tree.warnings
    others = tree.warnings[1:]
    return others if is_hit else (_AMBIGUOUS.format(ref, called), *others)
