"""Runs a program with hubd.install() done first, in each Python that it starts.

The program takes this process's place: its exit status and signals, and what
Python says of it, are as without hubd. `_site` stands first on its PYTHONPATH.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.machinery import PathFinder
from typing import Dict, List, NoReturn

from hubd import _install
from hubd._errors import InvalidArgument

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_SITE = os.path.join(_PACKAGE, "_site")
_USAGE = """\
usage: python -m hubd [SCRIPT | -m MODULE | -c CODE | -] [ARG...]

Runs a Python program as `python` would, with hubd.install() done first.
"""
# As a shell has them.
_CANNOT_RUN = 126
_NOT_THERE = 127


def python(arguments: List[str]) -> NoReturn:
    """Runs this Python again, with the same options of its own."""
    if not arguments:
        sys.stderr.write(_USAGE)
        sys.exit(2)
    if arguments[0] in ("-h", "--help"):
        sys.stdout.write(_USAGE)
        sys.exit(0)
    if sys.flags.ignore_environment or sys.flags.no_site:
        _fail(
            "a Python that is run with -E, -I or -S does not see hubd when it "
            "starts; leave the option out, or call hubd.install() in the program",
            2,
        )
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    if getattr(sys.stdout, "write_through", False):
        options.append("-u")
    if sys.flags.inspect:
        options.append("-i")
    # In the C locale a Python puts another into its environment, in which the one
    # that takes its place would not be in UTF-8 mode.
    if sys.flags.utf8_mode and "utf8" not in sys._xoptions:
        options += ["-X", "utf8"]
    _take_the_place([sys.executable, *options, *arguments])


def program(arguments: List[str]) -> NoReturn:
    """Runs any program; its name is looked for in PATH."""
    _take_the_place(arguments)


def _take_the_place(arguments: List[str]) -> NoReturn:
    try:
        _install.check_environment()
    except InvalidArgument as error:
        _fail(str(error), 2)
    # Python ignores these; a program that is run should not.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(arguments[0], arguments, environment())
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        _fail(
            f"cannot run {arguments[0]}: {error.strerror}",
            _NOT_THERE if missing else _CANNOT_RUN,
        )


def environment() -> Dict[str, str]:
    """This process's, with what makes a Python call install() when it starts."""
    found = dict(os.environ)
    paths = [path for path in [found.get("PYTHONPATH")] if path]
    if not paths or paths[0].split(os.pathsep)[0] != _SITE:
        paths.insert(0, _SITE)
    # `python -m` finds what lies in the current directory; a script does not.
    elsewhere = [path for path in sys.path if path not in ("", os.getcwd())]
    if PathFinder.find_spec("hubd", elsewhere) is None:
        paths.append(os.path.dirname(_PACKAGE))
    found["PYTHONPATH"] = os.pathsep.join(paths)
    return found


def _fail(text: str, status: int) -> NoReturn:
    sys.stderr.write(f"hubd: {text}\n")
    sys.exit(status)
