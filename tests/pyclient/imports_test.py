from __future__ import annotations

import importlib
import os
import sys
import threading

import pytest

from hubd import _imports

_HUBCONF = """
dependencies = {dependencies!r}
import sys
import {module}
FIRST = sys.path[0]
def net(*args, **kwargs):
    '''A net.'''
    from {module} import late
    return (FIRST, sys.path[0], __name__, __file__, args, kwargs, late)
def _helper(): pass
constant = 3
"""


@pytest.fixture
def repo(home, request):
    """A directory with a hubconf.py and a module that only this test has."""
    module = "repo_" + request.node.name.replace("[", "_").replace("]", "")
    path = os.path.join(home, "repo")
    os.makedirs(os.path.join(path, module, "sub"))
    files = {
        "hubconf.py": _HUBCONF.format(dependencies=["os"], module=module),
        module + "/__init__.py": "late = 7\n",
        module + "/sub/__init__.py": "",
        module + "/sub/deep.py": "value = 8\n",
    }
    for name, text in files.items():
        with open(os.path.join(path, name), "w") as file:
            file.write(text)
    yield path, module
    for name in [name for name in sys.modules if name.startswith(module)]:
        del sys.modules[name]


def _caches(path):
    return [folder for folder, _, _ in os.walk(path) if folder.endswith("__pycache__")]


def test_an_entrypoint_runs_with_its_directory_first_on_the_path(repo):
    path, _ = repo
    before = list(sys.path)
    result = _imports.call(path, "net", (1,), {"a": 2})
    expected = (path, path, "hubconf.py", path + "/hubconf.py", (1,), {"a": 2}, 7)
    assert result == expected
    assert sys.path == before
    assert "hubconf.py" not in sys.modules


def test_the_path_is_restored_when_the_entrypoint_raises(repo):
    path, module = repo
    with open(path + "/hubconf.py", "a") as file:
        file.write("def bad(): raise KeyError('no')\n")
    before = list(sys.path)
    with pytest.raises(KeyError):
        _imports.call(path, "bad", (), {})
    assert sys.path == before


def test_names_are_the_public_callables_in_order(repo):
    assert _imports.names(_imports.hubconf_of(repo[0]), "_") == ["net"]


def test_missing_dependencies_are_all_named(repo):
    path, module = repo
    with open(path + "/hubconf.py", "a") as file:
        file.write("dependencies = ['no_such_a', 'os', 'no_such_b']\n")
    with pytest.raises(RuntimeError) as caught:
        _imports.call(path, "net", (), {})
    assert str(caught.value) == "Missing dependencies: no_such_a, no_such_b"
    assert _imports.names(_imports.hubconf_of(path), "_") == ["net"]


@pytest.mark.parametrize("name", ["absent", "constant"])
def test_what_is_no_entrypoint_is_said_to_be_none(repo, name):
    with pytest.raises(RuntimeError) as caught:
        _imports.call(repo[0], name, (), {})
    assert str(caught.value) == f"Cannot find callable {name} in hubconf"


def test_a_name_must_be_a_string(repo):
    with pytest.raises(ValueError, match="Invalid input: model should be a string"):
        _imports.call(repo[0], 3, (), {})


def test_a_missing_hubconf_raises_what_python_raises(home):
    with pytest.raises(FileNotFoundError):
        _imports.call(home, "net", (), {})


def test_a_tree_gets_no_byte_code_even_from_late_imports(repo, monkeypatch):
    path, module = repo
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    _imports.adopt_tree(path)
    _imports.call(path, "net", (), {})
    assert importlib.import_module(module + ".sub.deep").value == 8
    assert _caches(path) == []
    assert not sys.dont_write_bytecode


def test_a_directory_of_the_users_gets_byte_code_as_ever(repo, monkeypatch):
    path, module = repo
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    _imports.call(path, "net", (), {})
    assert _caches(path) != []


def test_a_link_to_a_tree_counts_as_the_tree(repo, home, monkeypatch):
    path, module = repo
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    os.mkdir(home + "/view")
    for name in os.listdir(path):
        os.symlink(os.path.join(path, name), os.path.join(home, "view", name))
    _imports.adopt_tree(path)
    assert _imports.call(home + "/view", "net", (), {})[0] == home + "/view"
    assert _caches(path) == []


def test_trees_can_be_adopted_while_another_thread_looks_for_modules(home, monkeypatch):
    monkeypatch.setattr(_imports, "_trees", frozenset())
    # Each look at a path of it would give the other thread a turn.
    monkeypatch.setattr(sys, "path_importer_cache", {})
    for number in range(500):
        _imports.adopt_tree(f"{home}/early{number}")
    done = threading.Event()

    def adopt():
        for number in range(500):
            _imports.adopt_tree(f"{home}/late{number}")
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        other = threading.Thread(target=adopt)
        other.start()
        while not done.is_set():
            assert not _imports.in_tree(home)
        other.join()
    finally:
        sys.setswitchinterval(interval)
