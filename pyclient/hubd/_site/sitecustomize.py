"""Runs when a Python starts below `hubctl run` or `python -m hubd`.

Its directory stands first on PYTHONPATH. It calls hubd.install(), then runs the
sitecustomize that this Python would have had, and is gone from sys.path. Other
Pythons come by here as well: those that have no hubd are told, and go on.
"""

import contextlib
import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _install() -> None:
    """Raises nothing: that would keep this Python from starting."""
    verb = "import"
    try:
        import hubd

        verb = "install"
        hubd.install()
    except Exception as error:
        _say(
            f"hubd: {sys.executable} cannot {verb} hubd ({error}): "
            "its hubs stay the originals\n"
        )


def _say(text: str) -> None:
    """Where there is no stderr, or nobody reads it, to nobody."""
    with contextlib.suppress(Exception):
        # Unbuffered: what is left in a buffer is an error when this Python ends.
        os.write(sys.stderr.fileno(), text.encode(errors="backslashreplace"))


def _run_the_next() -> None:
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


try:
    _install()
finally:
    _run_the_next()
