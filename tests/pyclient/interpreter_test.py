from __future__ import annotations

import os
import sys

from hubd import _imports, _interpreter


def test_site_directories_are_what_is_installed_outside_the_prefixes(home, monkeypatch):
    for name in ("extra", "script", "cwd", "tree"):
        os.mkdir(os.path.join(home, name))
    monkeypatch.chdir(home + "/cwd")
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", home + "/script/main.py", raising=False)
    _imports.adopt_tree(home + "/tree")
    inside = os.path.join(sys.prefix, "lib")
    candidates = ["", "extra", "script", "cwd", "tree", "absent"]
    paths = [os.path.join(home, name) if name else "" for name in candidates]
    monkeypatch.setattr(sys, "path", [*paths, inside])
    found = _interpreter.describe().site_directories
    assert home + "/extra" in found
    assert inside not in found
    for name in ("script", "cwd", "tree", "absent"):
        assert os.path.join(home, name) not in found
    assert all(os.path.isabs(path) and os.path.isdir(path) for path in found)


def test_the_library_path_is_the_callers(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/a:/b")
    assert _interpreter.describe().ld_library_path == "/a:/b"
