"""The drop-in for megengine.hub, with a small package in MegEngine's place."""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
import sys

import grpc
import pytest

import hubd
from fake_daemon import Failure
from hubd import _mge_errors

_HUBCONF = """
import sys
dependencies = ["os"]
AT_IMPORT = sys.path[0]
def net(*args, **kwargs):
    'A net.'
    return {"args": args, "kwargs": kwargs, "at_import": AT_IMPORT, "path": sys.path[:]}
def _helper(): pass
constant = 3
"""
_NEEDS = "dependencies = ['no_such_module_here']\ndef net(): 'Needs.'\n"
_FILES = {"hubconf.py": _HUBCONF, "README": "read me"}
_PACKAGE = {
    "megengine/__init__.py": "__version__ = '1.13.0'\n",
    "megengine/logger.py": "import logging\nget_logger = logging.getLogger\n",
    "megengine/serialization.py": "import pickle\n"
    "def load(path):\n    with open(path, 'rb') as file:\n"
    "        return pickle.load(file)\n",
    "megengine/hub/__init__.py": "",
    "megengine/hub/exceptions.py": "class FetcherError(Exception): pass\n"
    "class InvalidRepo(FetcherError): pass\n"
    "class GitPullError(FetcherError): pass\n",
    "megengine/utils/__init__.py": "",
    "megengine/utils/http_download.py": "class HTTPDownloadError(BaseException):\n"
    "    pass\n",
    "megfile.py": "smart_open = open\n",
}


@pytest.fixture
def hub(megengine_hub):
    return megengine_hub


@pytest.fixture(autouse=True)
def repo(daemon):
    found = daemon.add_repo("own/repo", _FILES, ref="master")
    found.entrypoints = {"net": "A net.", "_helper": None}
    return found


@pytest.fixture
def megengine(home, monkeypatch):
    for path, text in _PACKAGE.items():
        os.makedirs(os.path.dirname(f"{home}/{path}"), exist_ok=True)
        with open(f"{home}/{path}", "w") as file:
            file.write(text)
    monkeypatch.syspath_prepend(home)
    importlib.invalidate_caches()
    yield importlib.import_module("megengine")
    for name in [each for each in sys.modules if each.startswith(("megen", "megfi"))]:
        del sys.modules[name]


def _fail(reason, code="FAILED_PRECONDITION", **metadata):
    return Failure(grpc.StatusCode[code], reason, f"because {reason}", metadata)


def test_an_ambiguous_ref_is_told_in_the_daemons_words(hub, repo):
    repo.ambiguous_ref = True
    repo.warnings = ["master is both"]
    for _ in range(2):
        with pytest.warns(UserWarning, match="^master is both$"):
            hub.load("own/repo:master", "net")


def _directory(home, key, version="0"):
    digest = hashlib.sha1(key.encode()).hexdigest()[:16]
    return f"{home}/.cache/megengine/hub/{version}_{digest}"


# Where things are.


@pytest.mark.parametrize(
    "repo_info, options, ref, key",
    [
        ("own/repo", {}, "", "own_repo_master"),
        ("own/repo:v1", {}, "v1", "own_repo_v1"),
        ("own/repo:a/b", {}, "a/b", "own_repo_a_b"),
        ("own/repo", {"commit": "abc1234"}, "abc1234", "own_repo_master_abc1234"),
        ("own/repo:v1", {"git_host": "git.example.org:8443"}, "v1", "own_repo_v1"),
    ],
)
def test_a_repo_is_shown_under_megengines_name(
    hub, daemon, home, repo_info, options, ref, key
):
    host = options.get("git_host", "github.com")
    name = "own/repo" if host == "github.com" else f"{host}/own/repo"
    daemon.add_repo(name, _FILES, ref=ref or "master").entrypoints = {"net": None}
    assert hub.list(repo_info, **options) == ["net"]
    selector = daemon.named("List")[-1].tree
    assert selector.repo == f"{host}/own/repo" + (f":{ref}" if ref else "")
    assert selector.default_ref == 2
    assert selector.skip_validation == ("commit" in options)
    assert os.path.islink(_directory(home, key) + "/hubconf.py")


def test_the_name_has_megengines_version(hub, home, megengine):
    hub.list("own/repo")
    assert os.path.isdir(_directory(home, "own_repo_master", "1_13_0"))


def test_home_follows_the_environment(hub, home, monkeypatch):
    assert hub._get_megengine_home() == f"{home}/.cache/megengine"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert hub._get_megengine_home() == "/xdg/megengine"
    monkeypatch.setenv("MGE_HOME", "~/mge")
    assert hub._get_megengine_home() == f"{home}/mge"


# What the calls do.


def test_load_runs_the_entrypoint_with_the_repo_off_the_path(hub, daemon, capsys):
    result = hub.load("own/repo", "net", 1, a=2)
    assert (result["args"], result["kwargs"]) == ((1,), {"a": 2})
    assert "/store/trees/github.com/own/repo/" in result["at_import"]
    assert result["at_import"] not in result["path"] + sys.path
    assert not daemon.named("Load")[0].require_trust
    assert daemon.named("AddTrust") == daemon.named("CheckTrust") == []
    assert capsys.readouterr() == ("", "")


def test_list_shows_names_with_one_underscore(hub):
    assert hub.list("own/repo") == ["_helper", "net"]
    assert hub.help("own/repo", "net") == "A net."


def test_without_cache_the_origin_is_asked(hub, daemon):
    hub.load("own/repo", "net")
    hub.load("own/repo", "net", use_cache=False)
    assert [each.tree.refresh for each in daemon.named("Load")] == [False, True]


def test_import_module_gives_the_hubconf(hub):
    module = hub.import_module("own/repo", "github.com")
    assert module.net()["args"] == () and module.constant == 3
    assert hub.import_module.__name__ == "_init_hub"
    with pytest.raises(TypeError, match="git_host"):
        hub.import_module("own/repo")


def test_help_heeds_no_dependencies_but_load_does(hub, daemon):
    daemon.add_repo("own/needs", {"hubconf.py": _NEEDS}, ref="master")
    daemon.fail("Help", _fail("MISSING_DEPENDENCY", missing="no_such_module_here"))
    assert hub.help("own/needs", "net") == "Needs."
    with pytest.raises(RuntimeError, match="^Missing dependencies: no_such_module_her"):
        hub.load("own/needs", "net")
    with pytest.raises(RuntimeError, match="^Cannot find callable nope in hubconf.py$"):
        hub.load("own/needs", "nope")


def test_a_missing_entrypoint_is_named_as_in_the_original(hub, daemon):
    daemon.fail("Help", _fail("ENTRYPOINT_NOT_FOUND"))
    with pytest.raises(RuntimeError, match="^Cannot find callable nope in hubconf.py$"):
        hub.help("own/repo", "nope")


def test_what_the_original_left_is_used_if_it_is_the_callers(
    hub, daemon, home, monkeypatch
):
    path = _directory(home, "own_repo_master")
    os.makedirs(path)
    with open(path + "/hubconf.py", "w") as file:
        file.write("def old(): 'Old.'\n")
    assert hub.list("own/repo") == ["old"]
    assert hub.load("own/repo", "old", protocol="SSH") is None
    assert daemon.requests == []
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert hub.list("own/repo") == ["_helper", "net"]


def test_fetchers_show_the_repo_in_the_current_directory(hub, home, monkeypatch):
    os.mkdir(home + "/here")
    monkeypatch.chdir(home + "/here")
    name = hub.GitHTTPSFetcher.fetch("github.com", "own/repo")
    assert name == os.path.basename(_directory(home, "own_repo_master"))
    assert os.path.islink(f"{home}/here/{name}/hubconf.py")
    assert hub._get_repo("github.com", "own/repo") == _directory(
        home, "own_repo_master"
    )


# Checkpoints.


def test_an_object_is_unpickled_and_shown_under_megengines_name(
    hub, daemon, home, megengine, capsys
):
    url = "https://models.example.org/a/net.pkl?x=1"
    daemon.urls[url] = pickle.dumps({"w": 1})
    assert hub.load_serialized_obj_from_url(url) == {"w": 1}
    digest = hashlib.sha256(url.encode()).hexdigest()[:6]
    shown = f"{home}/.cache/megengine/serialized/{digest}_net.pkl"
    assert "/store/blobs/" in os.readlink(shown)
    hub.load_serialized_obj_from_url(url, model_dir=home + "/models")
    assert os.path.islink(f"{home}/models/{digest}_net.pkl")
    assert capsys.readouterr().out == ""


def test_a_file_of_the_users_own_is_no_matter_of_the_daemon(
    hub, daemon, home, megengine
):
    with open(home + "/own.pkl", "wb") as file:
        pickle.dump([7], file)
    assert hub.load_serialized_obj_from_url(home + "/own.pkl") == [7]
    found = hub.download_from_url(home + "/own.pkl", home + "/copy.pkl")
    with open(home + "/copy.pkl", "rb") as file:
        copied = file.read()
    assert pickle.loads(copied) == [7]
    assert found == hashlib.md5(copied).hexdigest()
    assert daemon.requests == []


def test_download_from_url_tells_the_md5(hub, daemon, home):
    daemon.urls["https://h/w"] = b"weights"
    found = hub.download_from_url("https://h/w", "~/copy")
    assert found == hashlib.md5(b"weights").hexdigest()


def test_pretrained_fills_a_model(hub, daemon, megengine):
    daemon.urls["https://h/w.pkl"] = pickle.dumps({"w": 1})

    class Model:
        state = None

        def load_state_dict(self, state):
            self.state = state

    @hub.pretrained("https://h/w.pkl")
    def net(**kwargs):
        "Makes it."
        model = Model()
        model.kwargs = kwargs
        return model

    assert net.__doc__ == "Makes it."
    assert net(a=1).kwargs == {"a": 1} and net().state is None
    assert net(pretrained=True).state == {"w": 1}


# What is refused.


@pytest.mark.parametrize("git_host", ["", "host", "localhost", "GitHub.com", "a/b.com"])
def test_a_malformed_host_is_refused(hub, daemon, git_host):
    with pytest.raises(hub.InvalidGitHost) as caught:
        hub.list("own/repo", git_host)
    assert str(caught.value) == f"git_host: '{git_host}' is malformed."
    assert isinstance(caught.value, hubd.HubdError)
    assert daemon.requests == []


@pytest.mark.parametrize("repo_info", ["own", "a/b/c", "own/repo:a:b"])
def test_a_malformed_repo_is_refused(hub, repo_info):
    with pytest.raises(hub.InvalidRepo) as caught:
        hub.load(repo_info, "net")
    assert str(caught.value) == f"repo_info: '{repo_info}' is invalid."


def test_what_the_daemon_finds_malformed_is_refused_likewise(hub, daemon):
    daemon.fail("Load", _fail("INVALID_REPO", "INVALID_ARGUMENT"))
    with pytest.raises(hub.InvalidRepo, match=r"repo_info: 'own/repo' is invalid\."):
        hub.load("own/repo", "net")


def test_an_unknown_protocol_is_refused_before_all_else(hub):
    with pytest.raises(hub.InvalidProtocol) as caught:
        hub.help("own", "net", "host", protocol="https")
    assert str(caught.value) == (
        "Invalid protocol, the value should be one of HTTPS, SSH."
    )


def test_by_ssh_the_repo_is_asked_for_as_megengine_clones_it(hub, daemon):
    url = "ssh://git@github.com/own/repo.git"
    daemon.add_repo(url, _FILES, "master")
    assert hub.load("own/repo", "net", 1, protocol="SSH")["args"] == (1,)
    assert [request.tree.repo for request in daemon.named("Load")] == [url]
    hub.load("own/repo:v1", "net", protocol="SSH", commit="master")
    assert daemon.named("Load")[-1].tree.repo == f"{url}:master"


@pytest.mark.parametrize(
    "reason", ["REPO_NOT_FOUND", "UPSTREAM_FORBIDDEN", "UPSTREAM_UNAVAILABLE"]
)
def test_what_cannot_be_had_by_ssh_is_a_failed_pull(hub, daemon, megengine, reason):
    original = importlib.import_module("megengine.hub.exceptions")
    daemon.fail("Load", _fail(reason))
    with pytest.raises(original.GitPullError, match=reason) as caught:
        hub.load("own/repo", "net", protocol="SSH")
    assert str(caught.value).startswith("Repo pull error, please check repo info.\n")
    assert isinstance(caught.value, hub.FetcherError)
    assert caught.value.reason == reason


# Errors of both worlds.


@pytest.mark.parametrize(
    "reason, kind",
    [
        ("REPO_NOT_FOUND", hubd.NotFound),
        ("REF_NOT_FOUND", hubd.NotFound),
        ("RATE_LIMITED", hubd.UpstreamError),
    ],
)
def test_a_repo_that_cannot_be_had_is_megengines_error(
    hub, daemon, megengine, reason, kind
):
    original = importlib.import_module("megengine.utils.http_download")
    daemon.fail("Load", _fail(reason))
    with pytest.raises(original.HTTPDownloadError) as caught:
        hub.load("own/repo:v9", "net")
    url = "https://github.com/own/repo/archive/v9.zip"
    assert str(caught.value) == (
        f"An error occured when downloading from {url} (because {reason})"
    )
    assert isinstance(caught.value, kind)
    assert isinstance(caught.value, hub.HTTPDownloadError)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "reason, kind",
    [
        ("CHECKPOINT_NOT_FOUND", FileNotFoundError),
        ("UPSTREAM_FORBIDDEN", PermissionError),
        ("OFFLINE_MISS", hubd.OfflineMiss),
        ("DISK_FULL", hubd.ResourceExhausted),
    ],
)
def test_a_checkpoint_that_cannot_be_had(hub, daemon, megengine, reason, kind):
    daemon.fail("FetchStateDict", _fail(reason))
    with pytest.raises(kind, match=f"because {reason}"):
        hub.load_serialized_obj_from_url("https://h/w.pkl")


@pytest.mark.parametrize("reason", ["OFFLINE_MISS", "UPSTREAM_UNAVAILABLE"])
def test_without_network_it_is_an_os_error(hub, daemon, reason):
    daemon.fail("Load", _fail(reason))
    with pytest.raises(OSError, match=f"because {reason}") as caught:
        hub.load("own/repo", "net")
    assert isinstance(caught.value, hubd.HubdError)


def test_errors_are_of_the_originals_types_once_these_are_loaded(hub, megengine):
    plain = _mge_errors.made(_mge_errors.InvalidRepo, "text")
    original = importlib.import_module("megengine.hub.exceptions")
    both = _mge_errors.made(_mge_errors.InvalidRepo, "text")
    assert not isinstance(plain, original.InvalidRepo)
    assert isinstance(both, original.InvalidRepo) and isinstance(both, type(plain))
    again = pickle.loads(pickle.dumps(both))
    assert type(again) is type(both) and str(again) == "text"
