"""With a small package in the framework's place."""

from __future__ import annotations

import importlib
import os
import sys
import types

import pytest

from hubd import _patch

_NAMES = _patch._HUB


@pytest.fixture
def framework(home, monkeypatch):
    """A package with a hub and a model_zoo; its name."""
    name = "framework_of_patch_test"
    os.makedirs(f"{home}/{name}/utils")
    lines = [f"def {each}(): return 'theirs'" for each in _NAMES if each != "set_dir"]
    files = {
        "__init__.py": "",
        "hub.py": "\n".join(lines),
        "utils/__init__.py": "",
        "utils/model_zoo.py": f"from {name}.hub import load_state_dict_from_url"
        " as load_url\n",
    }
    for path, text in files.items():
        with open(f"{home}/{name}/{path}", "w") as file:
            file.write(text)
    monkeypatch.syspath_prepend(home)
    importlib.invalidate_caches()
    names = {each: each for each in _NAMES}
    originals = {f"{name}.hub": names, f"{name}.utils.model_zoo": _patch._ZOO}
    monkeypatch.setitem(_patch.ORIGINALS, name, originals)
    yield name
    for loaded in [each for each in sys.modules if each.startswith(name)]:
        del sys.modules[loaded]


@pytest.fixture
def front_end():
    module = types.ModuleType("ours")
    for name in _NAMES:
        setattr(module, name, lambda: "ours")
    return module


def test_functions_are_ours_inside_the_block_and_theirs_after(framework, front_end):
    with _patch.Replacement(framework, front_end).active():
        hub = importlib.import_module(framework + ".hub")
        zoo = importlib.import_module(framework + ".utils.model_zoo")
        assert hub.load() == hub.load_state_dict_from_url() == "ours"
        assert zoo.load_url() == "ours"
    assert hub.load() == hub.load_state_dict_from_url() == "theirs"
    assert zoo.load_url() == "theirs"
    assert not hasattr(hub, "set_dir")


def test_nested_and_failing_blocks_restore_at_the_outermost_end(framework, front_end):
    replacement = _patch.Replacement(framework, front_end)
    hub = importlib.import_module(framework + ".hub")
    with replacement.active():
        with pytest.raises(KeyError), replacement.active():
            raise KeyError
        assert hub.load() == "ours"
    assert hub.load() == "theirs"


def test_what_hub_code_puts_there_itself_stays(framework, front_end):
    hub = importlib.import_module(framework + ".hub")
    with _patch.Replacement(framework, front_end).active():
        hub.load = lambda: "the repo's"
    assert hub.load() == "the repo's"


def test_what_the_user_put_there_before_stays(framework, front_end):
    hub = importlib.import_module(framework + ".hub")
    hub._validate_not_a_forked_repo = users = lambda *_: True
    with _patch.Replacement(framework, front_end).active():
        assert hub._validate_not_a_forked_repo is users
        assert hub.load() == "ours"
    assert hub._validate_not_a_forked_repo is users


def test_without_the_framework_nothing_happens(front_end, monkeypatch):
    originals = {"no_such_framework.hub": {"load": "load"}}
    monkeypatch.setitem(_patch.ORIGINALS, "no_such_framework", originals)
    with _patch.Replacement("no_such_framework", front_end).active():
        pass


def test_a_framework_that_cannot_be_loaded_is_left_to_the_hub_code(
    home, framework, front_end
):
    with open(f"{home}/{framework}/hub.py", "w") as file:
        file.write("raise OSError('libcublas.so: no such file')\n")
    with _patch.Replacement(framework, front_end).active():
        pass
