"""Warnings that name the line which called hubd, not one of ours."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType
from typing import Optional, Type

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def warn(text: str, category: Type[Warning] = UserWarning) -> None:
    """Warns at the innermost line outside this package."""
    level = 2
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(text, category, stacklevel=level)
