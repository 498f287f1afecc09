"""python -m hubd SCRIPT: an unmodified program whose hubs are hubd's."""

from __future__ import annotations

import sys

from hubd import _run

if __name__ == "__main__":
    _run.python(sys.argv[1:])
