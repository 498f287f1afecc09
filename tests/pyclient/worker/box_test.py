"""The code of the sandbox, run without one: its frames and its answers.

It looks for the tree at /repo; here a copy of it has that path replaced.
"""

import json
import os
import pathlib
import signal
import struct
import subprocess
import sys

import pytest

BOX = pathlib.Path(__file__).parents[3] / "pyclient/hubd/worker/box.py"


class Box:
    """One tree, and what the box says about it."""

    def __init__(self, directory):
        self.tree = directory / "repo"
        self.tree.mkdir()
        self.script = directory / "box.py"
        source = BOX.read_text()
        assert 'REPO = "/repo"\n' in source
        self.script.write_text(
            source.replace('REPO = "/repo"\n', "REPO = %r\n" % str(self.tree))
        )

    def run(self, hubconf, entrypoint="", directories=(), code=0):
        (self.tree / "hubconf.py").write_text(hubconf)
        read_end, write_end = os.pipe()
        request_read, request_write = os.pipe()
        os.write(request_write, json.dumps({"entrypoint": entrypoint}).encode())
        os.close(request_write)
        command = "exec %s -I -B %s 4000 %s 3<&%d 4>&%d" % (
            sys.executable,
            self.script,
            " ".join(directories),
            request_read,
            write_end,
        )
        process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            pass_fds=(request_read, write_end),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.close(write_end)
        os.close(request_read)
        with os.fdopen(read_end, "rb") as stream:
            frame = stream.read()
        self.output = process.communicate()[0].decode("utf-8", "replace")
        assert process.returncode == code, self.output
        if code != 0:
            return None
        assert frame[:5] == b"HUBD\x01", self.output
        assert struct.unpack("<I", frame[5:9]) == (len(frame) - 9,)
        assert len(frame) - 9 <= 4 << 20
        return json.loads(frame[9:].decode("utf-8"))


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_lists_callables_but_no_dunder_names(box):
    answer = box.run("def b(): 'B.'\nclass A: pass\n_c = len\n__d = len\nx = 1\n")
    assert [e["name"] for e in answer["entrypoints"]] == ["A", "_c", "b"]
    assert answer["entrypoints"][2]["summary"] == "B."


def test_says_how_many_entrypoints_it_leaves_out(box):
    answer = box.run(
        "f = len\n"
        "globals().update({'\\x1b[%d' % i: len for i in range(10000)})\n"
        "globals().update({'n%05d' % i: len for i in range(10000)})\n"
        "globals()['x' * 129] = globals()['gr\u00fcn'] = len\n"
    )
    names = [e["name"] for e in answer["entrypoints"]]
    assert names == ["f"] + ["n%05d" % i for i in range(4095)]
    assert answer["omittedEntrypoints"] == 20003 - 4096


def test_lists_what_a_lazy_module_offers(box):
    answer = box.run(
        "def __dir__(): return ['lazy']\ndef __getattr__(name): return len\n"
    )
    assert [e["name"] for e in answer["entrypoints"]] == ["lazy"]


def test_hubconf_is_imported_as_torch_hub_does(box):
    box.run(
        "import sys, __main__\n"
        "print(__name__, 'hubconf.py' in sys.modules, sys.argv)\n"
        "print(sys.path[0], hasattr(__main__, 'send'))\n"
    )
    assert box.output == "hubconf.py False ['hubconf.py']\n%s False\n" % box.tree


def test_output_keeps_its_order_and_reaches_the_log(box):
    box.run(
        "import os, sys\nprint(1)\nprint(2, file=sys.stderr)\nos.system('echo 3')\n"
    )
    assert box.output == "1\n2\n3\n"


def test_unflushed_output_is_not_lost(box):
    box.run("import sys\nsys.stdout.write('no line end')\n")
    assert box.output == "no line end"


def test_site_directories_of_the_caller_are_searched_last(box, tmp_path):
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "json.py").write_text("raise RuntimeError")
    (site / "extra.py").write_text("")
    (site / "more.pth").write_text("import sys; sys.from_pth = True\n")
    box.run("import extra, json, sys\nprint(sys.from_pth)\n", directories=[str(site)])
    assert box.output == "True\n"


def test_help_needs_the_dependencies_first(box):
    answer = box.run("dependencies = ['nowhere', 'json']\n", "missing_too")
    assert answer["failure"]["kind"] == "MISSING_DEPENDENCY"
    assert answer["failure"]["missing"] == ["nowhere"]


def test_help_without_a_signature(box):
    answer = box.run("f = iter\n", "f")
    assert answer["doc"].startswith("iter(") or "Get an iterator" in answer["doc"]


def test_failure_names_the_missing_module(box):
    failure = box.run("def f():\n    import nowhere.else_\nf()\n")["failure"]
    assert failure["kind"] == "IMPORT_FAILED"
    assert failure["exception"] == "ModuleNotFoundError"
    assert failure["missing"] == ["nowhere"]
    assert "in f" in failure["traceback"]
    assert "box.py" not in failure["traceback"]


@pytest.mark.parametrize(
    "hubconf",
    [
        "raise SystemExit('bye')",
        "raise KeyboardInterrupt",
        "class E(BaseException):\n    def __str__(self): raise E()\nraise E()",
        "def f(): f()\nf()",
        "import sys\nsys.exit()",
        "dependencies = property\nclass D:\n    @property\n"
        "    def __doc__(self): raise ValueError\nd = D\nd2 = len\nraise MemoryError",
    ],
)
def test_every_exception_becomes_a_failure(box, hubconf):
    assert box.run(hubconf)["failure"]["kind"] == "IMPORT_FAILED"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os._exit(3)", 3),
        ("os._exit(128)", 128),
        ("os._exit(159)", 128),
        ("os._exit(255)", 128),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("signal.raise_signal(signal.SIGSYS)", -signal.SIGSYS),
    ],
)
def test_its_end_by_a_signal_is_no_exit_status(box, end, code):
    box.run("import os, signal\n" + end, code=code)
    assert ("exit status 159" in box.output) == ("159" in end)


def test_a_blocked_signal_ends_it_as_well(box):
    blocked = [signal.SIGTERM]
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        box.run(
            "import os, signal\n"
            "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])\n"
            "os.kill(os.getpid(), signal.SIGTERM)",
            code=-signal.SIGTERM,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)


def test_the_process_that_waits_is_bounded_too(box):
    box.run(
        "import os, resource as r\n"
        "for _ in range(1000000):\n"
        "    found = r.prlimit(os.getppid(), r.RLIMIT_NPROC)\n"
        "    if found == (4000, 4000): break\n"
        "    os.sched_yield()\n"
        "print(found, r.getrlimit(r.RLIMIT_NPROC))\n"
    )
    assert box.output == "(4000, 4000) (4000, 4000)\n"


def test_texts_that_utf8_cannot_hold_are_replaced(box):
    answer = box.run("def f(): pass\nf.__doc__ = 'a\\ud800b'\n", "f")
    assert answer["doc"] == "a?b"


def test_very_long_answers_are_cut(box):
    answer = box.run(
        "def f(): pass\nf.__doc__ = '\\x01' * 10000000\n"
        "for i in range(5000): globals()['f%d' % i] = f\n"
    )
    assert len(answer["entrypoints"]) == 4096
    assert len(box.run("def f(): pass\nf.__doc__ = 'd' * 99999\n", "f")["doc"]) == 65537
