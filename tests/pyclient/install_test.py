"""hubd.install(), with small packages in the places of the frameworks."""

from __future__ import annotations

import copy
import importlib
import importlib.machinery
import inspect
import os
import pickle
import subprocess
import sys
import threading
from unittest import mock

import pytest

import hubd
import hubd.megengine
import hubd.oneflow
import hubd.torch
from conftest import PYCLIENT
from hubd import _install

# What matters of the real one: its functions call each other by their names.
_HUB = """
_hub_dir = None
def get_dir(): return _hub_dir or "theirs"
def set_dir(d):
    global _hub_dir
    _hub_dir = d
def list(github): return "theirs"
def help(github, model): return "theirs"
def load(repo_or_dir, model, *args, **kwargs):
    directory = _get_cache_or_reload(repo_or_dir, False, True, "load")
    return _load_local(directory, model, *args, **kwargs)
def download_url_to_file(url, dst): return "theirs"
def load_state_dict_from_url(url): return "theirs"
def _get_cache_or_reload(github, force_reload, trust_repo, calling_fn): return "theirs"
def _load_local(directory, model, *args, **kwargs): return "theirs"
def _validate_not_a_forked_repo(owner, name, ref): return "theirs"
"""
_MGE_HUB = """
from .fetcher import GitHTTPSFetcher, GitSSHFetcher
PROTOCOLS = {"HTTPS": GitHTTPSFetcher, "SSH": GitSSHFetcher}
def _init_hub(repo_info, git_host): return "theirs"
def import_module(*args, **kwargs): return _init_hub(*args, **kwargs)
def load(repo_info, entry, **kwargs):
    return getattr(_init_hub(repo_info, "github.com"), entry)()
def list(repo_info): return "theirs"
def help(repo_info, entry): return "theirs"
def load_serialized_obj_from_url(url): return "theirs"
class pretrained: pass
"""
_MGE_FETCHER = """
class GitHTTPSFetcher:
    @classmethod
    def fetch(cls, git_host, repo_info): return cls.__name__
class GitSSHFetcher:
    @classmethod
    def fetch(cls, git_host, repo_info): return cls.__name__
"""
_FILES = {
    "torch/__init__.py": "from torch import hub\n",
    "torch/hub.py": _HUB,
    "torch/utils/__init__.py": "",
    "torch/utils/model_zoo.py": "from torch.hub import load_state_dict_from_url"
    " as load_url\n",
    "oneflow/__init__.py": "",
    "oneflow/hub.py": _HUB,
    "megengine/__init__.py": "__version__ = '1.13.0'\n",
    "megengine/hub/__init__.py": "from .hub import *\n",
    "megengine/hub/hub.py": _MGE_HUB,
    "megengine/hub/fetcher.py": _MGE_FETCHER,
}
_MODULES = [
    "torch.hub",
    "torch.utils.model_zoo",
    "oneflow.hub",
    "megengine.hub",
    "megengine.hub.hub",
    "megengine.hub.fetcher",
]


@pytest.fixture(autouse=True)
def frameworks(home, monkeypatch):
    """A directory with the packages, on sys.path; nothing is imported yet."""
    for path, text in _FILES.items():
        os.makedirs(os.path.dirname(f"{home}/fw/{path}"), exist_ok=True)
        with open(f"{home}/fw/{path}", "w") as file:
            file.write(text)
    monkeypatch.syspath_prepend(home + "/fw")
    monkeypatch.setattr(hubd.torch, "_hub_dir", None)
    importlib.invalidate_caches()
    yield home + "/fw"
    hubd.uninstall()
    for name in list(sys.modules):
        if name.split(".")[0] in ("torch", "oneflow", "megengine"):
            del sys.modules[name]


def _import_all():
    return {name: importlib.import_module(name) for name in _MODULES}


def _functions(modules):
    """What the modules hold, but for what any module has."""
    return {
        (name, each): value
        for name, module in modules.items()
        for each, value in vars(module).items()
        if not each.startswith("__")
    }


@pytest.mark.parametrize("before", [True, False], ids=["imported-before", "after"])
def test_all_ways_to_the_originals_lead_to_hubd_and_back(before):
    modules = _import_all() if before else None
    originals = _functions(modules) if modules else None
    hubd.install()
    modules = modules or _import_all()
    scope = {}
    exec(
        "import torch, torch.hub, oneflow.hub, megengine.hub as mge\n"
        "from torch import hub\nfrom torch.hub import load\n"
        "from torch.utils.model_zoo import load_url\n"
        "from megengine.hub import pretrained",
        scope,
    )
    assert scope["hub"] is scope["torch"].hub is sys.modules["torch.hub"]
    assert scope["load"] is scope["torch"].hub.load is hubd.torch.load
    assert scope["load_url"] is hubd.torch.load_state_dict_from_url
    assert scope["oneflow"].hub.list is hubd.oneflow.list
    assert scope["mge"].load is scope["mge"].hub.load is hubd.megengine.load
    assert scope["pretrained"] is hubd.megengine.pretrained
    hubd.uninstall()
    if originals:
        assert _functions(modules) == originals
    hub = modules["torch.hub"]
    assert hub.load("o/r", "net") == hub.load_state_dict_from_url("") == "theirs"
    zoo = modules["torch.utils.model_zoo"]
    assert zoo.load_url is hub.load_state_dict_from_url
    for name in ("megengine.hub", "megengine.hub.hub"):
        assert modules[name].list("o/r") == "theirs"


@pytest.mark.parametrize("before", [True, False], ids=["imported-before", "after"])
def test_megengines_fetchers_are_hubds_wherever_they_are_bound(
    home, daemon, before, monkeypatch
):
    monkeypatch.chdir(home)
    daemon.add_repo("own/repo", {"hubconf.py": ""}, "master")
    modules = _import_all() if before else None
    hubd.install()
    modules = modules or _import_all()
    hub, fetcher = modules["megengine.hub.hub"], modules["megengine.hub.fetcher"]
    bound = [hub.PROTOCOLS["HTTPS"], hub.GitHTTPSFetcher, fetcher.GitHTTPSFetcher]
    for each in bound:
        assert each.fetch("github.com", "own/repo").startswith("1_13_0_")
    assert len(daemon.named("Load")) == 3
    daemon.add_repo("ssh://git@github.com/own/repo.git", {"hubconf.py": ""}, "master")
    hub.PROTOCOLS["SSH"].fetch("github.com", "own/repo")
    assert daemon.named("Load")[-1].tree.repo.startswith("ssh://git@github.com/own")
    hubd.uninstall()
    for each in bound:
        assert each.fetch("github.com", "own/repo") == "GitHTTPSFetcher"
    assert hub.PROTOCOLS["SSH"].fetch("github.com", "o/r") == "GitSSHFetcher"
    assert hub.GitHTTPSFetcher.__module__ == "megengine.hub.fetcher"


def test_nothing_is_imported_for_it(frameworks):
    code = (
        "import sys, hubd; hubd.install()\n"
        "heavy = {'grpc', 'torch', 'oneflow', 'megengine', 'hubd.torch'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "import torch; print(torch.hub.load.__module__, 'grpc' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{PYCLIENT}:{frameworks}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\nhubd.torch False\n"


def test_it_may_be_called_again():
    hub = importlib.import_module("torch.hub")
    theirs = hub.load
    hubd.install()
    hubd.install()
    assert sys.meta_path.count(_install._hook) == 1
    hubd.uninstall()
    hubd.uninstall()
    assert hub.load is theirs
    assert _install._hook not in sys.meta_path


def test_the_modules_stay_what_they_were():
    hubd.install()
    hub = importlib.import_module("torch.hub")
    assert hub.__name__ == hub.__spec__.name == "torch.hub"
    wrapped = _install._Loader(hub.__loader__)
    assert copy.copy(wrapped).get_filename() == hub.__file__
    for loader in (hub.__loader__, hub.__spec__.loader):
        assert type(loader) is importlib.machinery.SourceFileLoader
    assert "def load" in inspect.getsource(hub)
    assert pickle.loads(pickle.dumps(hub.load)) is hubd.torch.load


def test_a_reload_keeps_hubds_and_uninstall_restores_what_it_brought():
    hubd.install()
    hub = importlib.reload(importlib.import_module("torch.hub"))
    assert hub.load is hubd.torch.load
    hubd.uninstall()
    assert hub.load.__module__ == "torch.hub"


def test_the_originals_that_a_reload_shows_are_no_users(frameworks):
    hubd.install()
    hub = importlib.import_module("torch.hub")
    with open(frameworks + "/torch/hub.py", "a") as file:
        file.write("import hubd.torch as ours\n")
        file.write("seen = ours._front_end._asked('o/r', False, False)\n")
    assert not importlib.reload(hub).seen.skip_validation


def test_functions_bound_before_go_through_hubd(daemon):
    daemon.add_repo("own/repo", {"hubconf.py": "def net(): return 'a net'\n"})
    daemon.add_repo("own/repo", {"hubconf.py": "def net(): return 'm'\n"}, "master")
    load = importlib.import_module("torch.hub").load
    load_mge = importlib.import_module("megengine.hub").load
    hubd.install()
    assert load("own/repo", "net") == "a net"
    assert load_mge("own/repo", "net") == "m"
    assert len(daemon.named("Load")) == 2


def test_calls_inside_calls_leave_hubds_in_place(daemon):
    inner = "import torch.hub\ndef net(): return torch.hub.load.__module__\n"
    daemon.add_repo("own/repo", {"hubconf.py": inner})
    hubd.install()
    hub = importlib.import_module("torch.hub")
    assert hub.load("own/repo", "net", trust_repo=True) == "hubd.torch"
    assert hub.load is hubd.torch.load
    hubd.uninstall()
    assert hub.load("own/repo", "net") == "theirs"


def test_the_directory_chosen_in_the_original_counts(home, daemon):
    hub = importlib.import_module("torch.hub")
    hub.set_dir(home + "/before")
    hubd.install()
    assert hub.get_dir() == hubd.torch.get_dir() == home + "/before"
    hub.set_dir("~/after")
    assert hub.get_dir() == hub._hub_dir == home + "/after"
    hub._hub_dir = home + "/direct"
    assert hubd.torch.get_dir() == home + "/direct"
    hubd.uninstall()
    assert hub.get_dir() == home + "/before"
    assert hubd.torch.get_dir() == home + "/.cache/torch/hub"


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_users_put_into_the_original_counts(daemon, when):
    daemon.add_repo("own/repo", {"hubconf.py": "def net(): pass\n"})
    hub = importlib.import_module("torch.hub")
    for step in ("before", "install", "after"):
        if step == "install":
            hubd.install()
        if step == when:
            hub._validate_not_a_forked_repo = lambda a, b, c: True
    hub.load("own/repo", "net", trust_repo=True)
    assert daemon.named("Load")[0].tree.skip_validation
    hubd.uninstall()
    assert hub._validate_not_a_forked_repo(1, 2, 3) is True


def test_a_mock_of_hubds_function_ends_as_usual():
    hubd.install()
    hub = importlib.import_module("torch.hub")
    with mock.patch("torch.hub.load", return_value=7):
        assert hub.load("o/r", "net") == 7
    assert hub.load is hubd.torch.load


def test_the_environment_names_the_frameworks(monkeypatch):
    monkeypatch.setenv("HUBD_IMPORTS", "oneflow, megengine")
    hubd.install()
    modules = _import_all()
    assert modules["torch.hub"].load.__module__ == "torch.hub"
    assert modules["oneflow.hub"].load is hubd.oneflow.load
    hubd.uninstall()
    monkeypatch.setenv("HUBD_IMPORTS", "0")
    hubd.install()
    assert modules["oneflow.hub"].load.__module__ == "oneflow.hub"


def test_an_unknown_framework_is_named(monkeypatch):
    monkeypatch.setenv("HUBD_IMPORTS", "torch,tensorflow")
    with pytest.raises(hubd.InvalidArgument, match='"tensorflow"; write some of torch'):
        hubd.install()
    assert _install._hook not in sys.meta_path


def test_an_install_that_uninstall_overtakes_ends_uninstalled(monkeypatch):
    hub = importlib.import_module("torch.hub")
    found = _install._replacement

    def overtaken(framework):
        monkeypatch.setattr(_install, "_replacement", found)
        hubd.uninstall()
        return found(framework)

    monkeypatch.setattr(_install, "_replacement", overtaken)
    hubd.install()
    assert hub.load.__module__ == "torch.hub"


def test_uninstall_ends_what_was_installed_behind_its_back():
    hub = importlib.import_module("torch.hub")
    hubd.install()
    assert hub.load is hubd.torch.load
    _install._frameworks = frozenset()
    hubd.uninstall()
    assert hub.load.__module__ == "torch.hub"


def test_threads_may_install_and_import_at_once():
    failures = []
    begin = threading.Barrier(8)

    def work(number):
        try:
            begin.wait()
            for _ in range(20):
                if number % 4 == 0:
                    hubd.install()
                elif number % 4 == 1:
                    hubd.uninstall()
                else:
                    _import_all()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    modules = _import_all()
    hubd.uninstall()
    assert modules["torch.hub"].load.__module__ == "torch.hub"
    hubd.install()
    assert modules["megengine.hub"].load is hubd.megengine.load
    hubd.uninstall()
    assert modules["torch.hub"].load.__module__ == "torch.hub"
