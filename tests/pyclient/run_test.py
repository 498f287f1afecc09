"""python -m hubd, with a small package in torch's place."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import PYCLIENT
from hubd import _run

# What a program can see of how it was started; what it writes to $NAMES is whose
# torch.hub it has.
_PROGRAM = """
import os, sys
import torch.hub
with open(os.environ["NAMES"], "a") as names:
    names.write(torch.hub.load.__module__ + "\\n")
main = sys.modules["__main__"]
print(sys.argv, sys.path, __name__, main is sys.modules[__name__])
print(getattr(main, "__file__", None), main.__spec__ and main.__spec__.name)
print(sys.flags, sys.warnoptions, sys.stdout.write_through)
print("sitecustomize:", sys.modules["sitecustomize"].seen)
"""


@pytest.fixture
def place(home):
    """A directory with programs and, below fw, a framework and a sitecustomize."""
    files = {
        "good.py": _PROGRAM,
        "ends.py": _PROGRAM + "sys.exit(7)\n",
        "fails.py": _PROGRAM + "def f(): raise KeyError('no')\nf()\n",
        "killed.py": _PROGRAM + "sys.stdout.flush(); os.kill(os.getpid(), 15)\n",
        "fw/torch/__init__.py": "from torch import hub\n",
        "fw/torch/hub.py": "def load(): pass\n",
        "fw/sitecustomize.py": "seen = 'theirs'\n",
    }
    for path, text in files.items():
        os.makedirs(os.path.dirname(f"{home}/{path}"), exist_ok=True)
        with open(f"{home}/{path}", "w") as file:
            file.write(text)
    return home


def _run_python(place, *arguments, stdin="", **environment):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=environment.pop("cwd", place),
        env={
            **os.environ,
            "NAMES": place + "/names",
            "PYTHONPATH": f"{PYCLIENT}:{place}/fw",
            **environment,
        },
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _names(place):
    """Whose torch.hub the programs had; forgotten then."""
    try:
        with open(place + "/names") as file:
            return file.read().split()
    finally:
        os.remove(place + "/names")


@pytest.mark.parametrize(
    "options, arguments",
    [
        ([], ["good.py", "a", "-m", "--b", ""]),
        ([], ["fw/../good.py"]),
        ([], ["-m", "good", "a"]),
        ([], ["-c", _PROGRAM, "a"]),
        ([], ["-", "a"]),
        (["-i"], ["good.py"]),
        ([], ["ends.py"]),
        ([], ["fails.py"]),
        ([], ["killed.py"]),
        (["-O", "-u", "-W", "error", "-X", "utf8", "-B", "-s"], ["good.py"]),
        ([], ["-OO", "good.py"]),
    ],
)
def test_a_program_sees_no_difference_but_hubds_functions(place, options, arguments):
    plain = _run_python(place, *options, *arguments, stdin=_PROGRAM)
    assert _names(place) == ["torch.hub"]
    ours = _run_python(place, *options, "-m", "hubd", *arguments, stdin=_PROGRAM)
    assert _names(place) == ["hubd.torch"]
    assert ours == plain
    assert "sitecustomize: theirs" in plain[1]


def test_a_program_sees_no_difference_in_the_c_locale(place):
    locale = {"LANG": "C", "LC_ALL": ""}
    plain = _run_python(place, "good.py", **locale)
    assert "utf8_mode=1" in plain[1]
    assert _run_python(place, "-m", "hubd", "good.py", **locale) == plain


def test_a_missing_script_is_pythons_error(place):
    assert _run_python(place, "-m", "hubd", "none.py") == _run_python(place, "none.py")


def test_the_pythons_that_a_program_starts_have_it_too(place):
    program = (
        "import multiprocessing, subprocess, sys\n"
        "from good import os\n"
        "if __name__ == '__main__':\n"
        "    subprocess.run([sys.executable, 'good.py'], check=True)\n"
        "    child = multiprocessing.get_context('spawn').Process(target=os.getpid)\n"
        "    child.start(); child.join()\n"
    )
    with open(place + "/parent.py", "w") as file:
        file.write(program)
    assert _run_python(place, "-m", "hubd", "parent.py")[0] == 0
    assert _names(place) == ["hubd.torch"] * 3


def test_hubd_may_lie_in_the_current_directory_alone(place):
    script = place + "/good.py"
    paths = {"PYTHONPATH": place + "/fw", "cwd": PYCLIENT}
    code, output, errors = _run_python(place, "-m", "hubd", script, **paths)
    assert (code, errors) == (0, "")
    assert _names(place) == ["hubd.torch"]


def test_a_python_without_hubd_goes_on_and_says_so(place):
    with open(place + "/hubd.py", "w") as file:
        file.write("raise ImportError('not here')\n")
    paths = f"{_run._SITE}:{place}:{place}/fw"
    code, output, errors = _run_python(place, "good.py", PYTHONPATH=paths)
    assert code == 0 and "hubd/_site" not in output
    assert _names(place) == ["torch.hub"]
    assert errors == (
        f"hubd: {sys.executable} cannot import hubd (not here): "
        "its hubs stay the originals\n"
    )


# The second has a pipe there whose reader is gone.
@pytest.mark.parametrize("redirect", ["2>&-", ""])
@pytest.mark.parametrize("broken", ["import", "install"])
def test_a_python_without_hubd_and_without_a_reader_starts(place, redirect, broken):
    with open(place + "/hubd.py", "w") as file:
        file.write("raise ImportError('not here')" if broken == "import" else "")
    script = f"exec 2> >(exit); wait $!; exec {sys.executable} good.py {redirect}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env={
            **os.environ,
            "NAMES": place + "/names",
            "PYTHONPATH": f"{_run._SITE}:{place}:{place}/fw",
        },
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0
    assert _names(place) == ["torch.hub"]


def test_an_existing_sitecustomize_that_fails_does_so_as_before(place):
    with open(place + "/fw/sitecustomize.py", "w") as file:
        file.write("raise OSError('broken')\n")
    plain = _run_python(place, "-c", "")
    assert "OSError: broken" in plain[2]
    assert _run_python(place, "-m", "hubd", "-c", "")[2] == plain[2] * 2


@pytest.mark.parametrize("option", ["-E", "-S"])
def test_options_that_keep_hubd_out_are_refused(place, option):
    code, output, errors = _run_python(
        place, option, "-m", "hubd", "good.py", cwd=PYCLIENT
    )
    assert (code, output) == (2, "")
    assert "-E, -I or -S" in errors and "hubd.install()" in errors


def test_a_wrong_name_of_a_framework_is_an_error_at_once(place):
    done = _run_python(place, "-m", "hubd", "good.py", HUBD_IMPORTS="torch,keras")
    assert done[:2] == (2, "")
    assert '"keras"' in done[2] and "Traceback" not in done[2]


@pytest.mark.parametrize("arguments, code", [([], 2), (["--help"], 0)])
def test_usage(place, arguments, code):
    done = _run_python(place, "-m", "hubd", *arguments)
    assert done[0] == code
    assert done[1 if code == 0 else 2].startswith("usage: python -m hubd")


@pytest.mark.parametrize(
    "words, code",
    [
        (["sh", "-c", "exit 9"], 9),
        # Python ignores this signal, a program does not.
        (["sh", "-c", "kill -PIPE $$"], -13),
        (["no-such-program-here"], 127),
        (["/dev/null"], 126),
    ],
)
def test_any_program_takes_the_place_of_the_process(place, words, code):
    done = _run_python(place, "-c", f"from hubd import _run; _run.program({words!r})")
    assert done[0] == code
    assert ("cannot run " + words[0] in done[2]) == (code > 100)
