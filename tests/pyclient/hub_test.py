"""Repos through the drop-ins for torch.hub and oneflow.hub."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import types
import urllib.error
import warnings

import grpc
import pytest

import hubd
from fake_daemon import Failure, FakeDaemon
from hubd.v1 import hub_pb2

_HUBCONF = """
import os, sys
dependencies = []
def net(*args, **kwargs):
    'A net.'
    return {"args": args, "kwargs": kwargs, "first": sys.path[0], "file": __file__}
def _private(): pass
def broken(): raise KeyError("inside")
"""
_FILES = {"hubconf.py": _HUBCONF, "pkg/__init__.py": "", "README": "read me"}
_ZIPBALL = "https://github.com/own/repo/zipball/"


@pytest.fixture(params=["torch", "oneflow"])
def hub(request):
    return request.getfixturevalue(request.param + "_hub")


@pytest.fixture(autouse=True)
def repo(daemon):
    found = daemon.add_repo("own/repo", _FILES)
    found.entrypoints = {"net": "A net.", "_private": None, "broken": None}
    return found


def _load(hub, github="own/repo", model="net", *args, **kwargs):
    kwargs.setdefault("trust_repo", True)
    return hub.load(github, model, *args, **kwargs)


def _fail(reason, code="FAILED_PRECONDITION", **metadata):
    return Failure(grpc.StatusCode[code], reason, f"because {reason}", metadata)


# get_dir and the root.


def test_get_dir_follows_set_dir_then_home_then_cache(hub, home, monkeypatch):
    name = hub.__name__.rpartition(".")[2]
    assert hub.get_dir() == f"{home}/.cache/{name}/hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert hub.get_dir() == f"/xdg/{name}/hub"
    monkeypatch.setenv(name.upper() + "_HOME", "~/fw")
    assert hub.get_dir() == f"{home}/fw/hub"
    hub.set_dir("~/hub")
    assert hub.get_dir() == f"{home}/hub"
    assert not os.path.exists(hub.get_dir())


def test_old_variables_only_warn(hub, monkeypatch):
    name = hub.__name__.rpartition(".")[2].upper()
    before = hub.get_dir()
    monkeypatch.setenv(name + "_HUB", "/old")
    text = f"{name}_HUB is deprecated, please use env {name}_HOME instead"
    with pytest.warns(UserWarning, match=text):
        assert hub.get_dir() == before


def test_bytes_go_where_the_user_chose(hub, home, daemon, monkeypatch):
    chosen = FakeDaemon(home + "/chosen", home + "/s2")
    chosen.add_repo("own/repo", _FILES)
    chosen.start()
    try:
        hub.set_dir(home + "/chosen")
        _load(hub)
        assert len(chosen.named("Load")) == 1 and daemon.named("Load") == []
        monkeypatch.setenv("HUBD_HOME", daemon.root)
        _load(hub)
        assert len(daemon.named("Load")) == 1
    finally:
        chosen.stop()


# load.


def test_load_calls_the_entrypoint_from_the_store(hub):
    result = _load(hub, "own/repo", "net", 1, a=2, timeout=3)
    assert result["args"] == (1,)
    assert result["kwargs"] == {"a": 2, "timeout": 3}
    assert "/store/trees/github.com/own/repo/" in result["first"]
    assert result["file"] == result["first"] + "/hubconf.py"
    assert result["first"] not in sys.path


def test_the_view_shows_the_tree_under_the_familiar_name(hub, daemon):
    daemon.add_repo("own/repo", _FILES, ref="ci/slash")
    _load(hub, "own/repo:ci/slash")
    shown = os.path.join(hub.get_dir(), "own_repo_ci_slash")
    assert sorted(os.listdir(shown)) == ["README", "hubconf.py", "pkg"]
    assert hub.load(shown, "net", source="local")["first"] == shown


def test_no_ref_means_main_else_master(hub, daemon):
    daemon.add_repo("own/old", _FILES, ref="master")
    _load(hub, "own/old")
    assert os.path.isdir(os.path.join(hub.get_dir(), "own_old_master"))
    _load(hub, "own/repo")
    assert os.path.isdir(os.path.join(hub.get_dir(), "own_repo_main"))
    selectors = [request.tree for request in daemon.named("Load")]
    assert {selector.default_ref for selector in selectors} == {1}


def test_an_empty_ref_means_the_origins_head(hub, daemon):
    _load(hub, "own/repo:")
    assert daemon.named("Load")[0].tree.default_ref == 0
    assert os.path.isdir(os.path.join(hub.get_dir(), "own_repo_"))


def test_a_download_is_announced_and_a_hit_is_told_unless_quiet(hub, capsys):
    _load(hub)
    captured = capsys.readouterr()
    where = os.path.join(hub.get_dir(), "main.zip")
    text = f'Downloading: "{_ZIPBALL}main" to {where}\n'
    spoken, silent = captured.out, captured.err
    if hub is not hubd.torch:
        spoken, silent = silent, spoken
    assert (spoken, silent) == (text, "")
    _load(hub)
    shown = os.path.join(hub.get_dir(), "own_repo_main")
    assert capsys.readouterr() == ("", f"Using cache found in {shown}\n")
    _load(hub, verbose=False)
    assert capsys.readouterr() == ("", "")


def test_a_download_of_a_named_ref_is_announced_when_it_begins(
    hub, daemon, monkeypatch
):
    said = []
    heard = threading.Event()

    def listen(text):
        said.append(text)
        heard.set()

    stream = sys.stdout if hub is hubd.torch else sys.stderr
    monkeypatch.setattr(stream, "write", listen)
    daemon.progress = [hub_pb2.Progress(phase=hub_pb2.Progress.DOWNLOADING)] * 2
    # The daemon answers once the announcement was made.
    in_time = []
    daemon.before_answer = lambda path: in_time.append(heard.wait(10))
    _load(hub, "own/repo:main")
    assert in_time == [True]
    assert len(said) == 1 and said[0].startswith("Downloading: ")


def test_force_reload_refreshes_the_tree_and_the_weights_inside(hub, daemon):
    hub_name = hub.__name__
    daemon.urls["https://h/w.pth"] = b"w"
    inner = (
        f"import {hub_name} as hub\n"
        "def net():\n"
        "    hub._front_end.state_dict_file('https://h/w.pth', model_dir=None,\n"
        "        progress=False, check_hash=False, file_name=None)\n"
    )
    daemon.add_repo("own/weights", {"hubconf.py": inner})
    _load(hub, "own/weights")
    _load(hub, "own/weights", force_reload=True)
    assert [r.tree.refresh for r in daemon.named("Load")] == [False, True]
    assert [r.refresh for r in daemon.named("FetchStateDict")] == [False, True]


def test_a_replaced_validation_counts_as_skipping_it(hub, daemon, monkeypatch):
    _load(hub, skip_validation=True)
    _load(hub)
    monkeypatch.setattr(hub, "_validate_not_a_forked_repo", lambda a, b, c: True)
    _load(hub)
    selectors = [request.tree for request in daemon.named("Load")]
    assert [each.skip_validation for each in selectors] == [True, False, True]


def test_a_validation_that_is_replaced_in_the_original_counts_too(
    hub, daemon, monkeypatch
):
    original = types.ModuleType("original")
    original._validate_not_a_forked_repo = lambda owner, name, ref: True
    name = hub.__name__.rpartition(".")[2] + ".hub"
    monkeypatch.setitem(sys.modules, name, original)
    _load(hub)
    # What the framework itself has there says nothing.
    own = {"__name__": name}
    exec("def _validate_not_a_forked_repo(owner, name, ref): pass", own)
    vars(original).update(own)
    _load(hub)
    selectors = [request.tree for request in daemon.named("Load")]
    assert [each.skip_validation for each in selectors] == [True, False]


def test_offline_comes_from_environment_and_options(hub, daemon, monkeypatch):
    _load(hub)
    monkeypatch.setenv("HUBD_OFFLINE", "1")
    _load(hub)
    with hubd.options(offline=False):
        _load(hub)
    selectors = [request.tree for request in daemon.named("Load")]
    assert [each.offline for each in selectors] == [False, True, False]


def test_what_the_daemon_wants_told_becomes_a_warning(hub, repo):
    repo.warnings = ["the repo was renamed"]
    with pytest.warns(UserWarning, match="the repo was renamed"):
        _load(hub)


def _told(hub, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _load(hub, "own/repo:main", **options)
    return [str(warning.message) for warning in caught]


def test_an_ambiguous_ref_is_told_in_the_originals_words_as_often_as_there(hub, repo):
    repo.ambiguous_ref = True
    repo.warnings = ["main is both", "the repo was renamed"]
    called = "Torchhub" if hub is hubd.torch else "OneFlowhub"
    first, second = _told(hub)
    assert first.startswith("The ref main is ambiguous. Perhaps it is both a tag")
    assert f"in the repo? {called} will now assume that it's a branch. You" in first
    assert first.endswith("might require using skip_validation=True.")
    assert second == "the repo was renamed"
    assert _told(hub) == [second]
    assert _told(hub, force_reload=True) == [first, second]
    # The tree is there, but under no such name.
    shutil.rmtree(os.path.join(hub.get_dir(), "own_repo_main"))
    assert _told(hub) == [first, second]


def test_a_source_that_is_unknown_is_refused(hub):
    with pytest.raises(ValueError) as caught:
        hub.load("own/repo", "net", source="Gitlab")
    assert str(caught.value) == (
        'Unknown source: "gitlab". Allowed values: "github" | "local".'
    )


def test_a_local_source_asks_no_daemon(hub, home, daemon):
    os.mkdir(home + "/mine")
    with open(home + "/mine/hubconf.py", "w") as file:
        file.write(_HUBCONF)
    assert hub.load(home + "/mine", "net", source="LOCAL")["first"] == home + "/mine"
    assert daemon.requests == []


def test_the_entrypoints_own_error_comes_out_as_it_is(hub):
    before = list(sys.path)
    with pytest.raises(KeyError, match="inside"):
        _load(hub, "own/repo", "broken")
    assert sys.path == before


def test_the_tree_stays_leased_after_load(hub, daemon):
    import fcntl

    tree = _load(hub)["first"]
    fd = os.open(tree, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


def test_a_directory_that_the_original_left_is_used_as_it_is(hub, daemon, capsys):
    path = os.path.join(hub.get_dir(), "own_repo_main")
    os.makedirs(path)
    with open(path + "/hubconf.py", "w") as file:
        file.write("def old(): 'Old.'\n")
    assert _load(hub, model="old") is None
    assert capsys.readouterr().err == f"Using cache found in {path}\n"
    assert hub.list("own/repo", trust_repo=True) == ["old"]
    assert hub.help("own/repo", "old", trust_repo=True) == "Old."
    assert daemon.named("Load") == daemon.named("List") == []
    assert _load(hub, force_reload=True)["args"] == ()
    assert os.path.islink(path + "/hubconf.py")


@pytest.mark.parametrize("github", ["own", "a/b/c", "own/repo:a:b"])
def test_malformed_repos_raise_value_errors(hub, github):
    with pytest.raises(ValueError, match="values to unpack"):
        _load(hub, github)


def test_a_daemon_that_finds_a_repo_malformed_is_a_value_error(hub, daemon):
    daemon.fail("Load", _fail("INVALID_REPO", "INVALID_ARGUMENT"))
    with pytest.raises(ValueError, match="INVALID_REPO") as caught:
        _load(hub)
    assert isinstance(caught.value, hubd.InvalidArgument)


# Errors of both worlds.


@pytest.mark.parametrize("option", ["commit", "locked"])
def test_under_a_lock_or_commit_what_the_original_left_is_no_hit(
    hub, daemon, home, option
):
    directory = os.path.join(hub.get_dir(), "own_repo_main")
    os.makedirs(directory)
    with open(os.path.join(directory, "hubconf.py"), "w") as file:
        file.write("def net(): return 'old'\n")
    with open(home + "/lock", "w") as file:
        file.write("text")
    chosen = {"commit": "a" * 40} if option == "commit" else {"locked": home + "/lock"}
    with hubd.options(**chosen):
        assert _load(hub, "own/repo:main") != "old"
    assert daemon.named("Load")[-1].tree.HasField("lock") == (option == "locked")
    with open(os.path.join(directory, "hubconf.py")) as file:
        assert "old" in file.read()


def test_a_commit_that_the_user_chose_is_not_for_what_hub_code_loads(hub, daemon):
    nested = f"""
import hubd.{hub.__name__.rpartition(".")[2]} as hub

def outer():
    return hub.load("own/repo:main", "net", trust_repo=True)
"""
    daemon.add_repo("own/outer", {"hubconf.py": nested})
    for commit in ("a" * 40, {"own/repo": "b" * 40}):
        with hubd.options(commit=commit):
            hub.load("own/outer:main", "outer", trust_repo=True)
    commits = [request.tree.commit for request in daemon.named("Load")]
    assert commits == ["a" * 40, "", "", "b" * 40]


def test_an_unknown_ref_is_the_originals_value_error(hub):
    with pytest.raises(ValueError) as caught:
        _load(hub, "own/repo:4e2c216")
    assert str(caught.value) == (
        "Cannot find 4e2c216 in https://github.com/own/repo. If it's a commit from a "
        "forked repo, please call hub.load() with forked repo directly."
    )
    assert isinstance(caught.value, hubd.NotFound)
    assert caught.value.reason == "REF_NOT_FOUND"


@pytest.mark.parametrize(
    "reason, kind",
    [("OFFLINE_MISS", hubd.OfflineMiss), ("UPSTREAM_UNAVAILABLE", hubd.UpstreamError)],
)
def test_without_network_and_ref_it_is_torchs_own_error(
    torch_hub, daemon, reason, kind
):
    daemon.fail("Load", _fail(reason), always=True)
    with pytest.raises(RuntimeError) as caught:
        _load(torch_hub)
    assert str(caught.value) == (
        "It looks like there is no internet connection and the repo could not be "
        f"found in the cache ({torch_hub.get_dir()})"
    )
    assert isinstance(caught.value, kind)
    assert caught.value.__cause__.message == f"because {reason}"


@pytest.mark.parametrize("name, ref", [("torch", ":v1"), ("oneflow", "")])
@pytest.mark.parametrize(
    "reason, kind",
    [("OFFLINE_MISS", hubd.OfflineMiss), ("UPSTREAM_UNAVAILABLE", hubd.UpstreamError)],
)
def test_without_network_it_is_else_urllibs_error(
    request, daemon, name, ref, reason, kind
):
    daemon.fail("Load", _fail(reason), always=True)
    with pytest.raises(urllib.error.URLError, match=f"because {reason}") as caught:
        _load(request.getfixturevalue(name + "_hub"), "own/repo" + ref)
    assert isinstance(caught.value, kind)


def test_warnings_name_the_line_of_the_caller(hub, repo):
    repo.warnings = ["of the daemon"]
    with pytest.warns(UserWarning, match="of the daemon") as caught:
        _load(hub)
        hub.list("own/repo", trust_repo=True)
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize(
    "reason, status, kind",
    [
        ("REPO_NOT_FOUND", 404, hubd.NotFound),
        ("UPSTREAM_FORBIDDEN", 403, hubd.UpstreamError),
        ("RATE_LIMITED", 429, hubd.UpstreamError),
    ],
)
def test_what_the_origin_refuses_is_an_http_error(hub, daemon, reason, status, kind):
    daemon.fail("Load", _fail(reason, "PERMISSION_DENIED"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        _load(hub, "own/repo:main")
    assert caught.value.code == status
    assert caught.value.reason == reason
    assert caught.value.filename == _ZIPBALL + "main"
    assert isinstance(caught.value, kind)
    assert str(caught.value).startswith(f"HTTP Error {status}: ")
    assert f"because {reason}" in str(caught.value)


def test_what_the_originals_do_not_know_stays_hubds(hub, daemon):
    daemon.fail("Load", _fail("DISK_FULL", "RESOURCE_EXHAUSTED"))
    with pytest.raises(hubd.ResourceExhausted):
        _load(hub)


# list and help.


def test_list_gives_public_names_and_shows_the_tree(hub, daemon, repo, capsys):
    repo.entrypoints["Alpha"] = None
    assert hub.list("own/repo", trust_repo=True) == ["Alpha", "broken", "net"]
    assert daemon.named("Load") == []
    assert os.path.isdir(os.path.join(hub.get_dir(), "own_repo_main"))


def test_help_gives_the_docstring_or_none(hub):
    assert hub.help("own/repo", "net", trust_repo=True) == "A net."
    assert hub.help("own/repo", "broken", trust_repo=True) is None


def test_what_the_repo_prints_goes_marked_to_stderr(hub, repo, capsys):
    repo.cached.add("main")
    repo.output = "hello\nworld\n"
    hub.help("own/repo", "net", trust_repo=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("[own/repo] hello\n[own/repo] world\n")


def test_torchs_list_can_be_quiet(torch_hub, repo, capsys):
    repo.cached.add("main")
    torch_hub.list("own/repo", trust_repo=True, verbose=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("reason", ["SANDBOX_UNAVAILABLE", "ENTRYPOINT_FAILED"])
def test_where_the_sandbox_cannot_the_code_runs_here(hub, daemon, reason):
    daemon.fail("List", _fail(reason), always=True)
    daemon.fail("Help", _fail(reason), always=True)
    assert hub.list("own/repo", trust_repo=True) == ["broken", "net"]
    assert hub.help("own/repo", "net", trust_repo=True) == "A net."
    assert daemon.named("Load")[0].require_trust


def test_a_hubconf_that_raises_shows_its_own_exception(hub, daemon):
    daemon.add_repo("own/bad", {"hubconf.py": "import no_such_module_here\n"})
    daemon.fail("List", _fail("ENTRYPOINT_FAILED"))
    with pytest.raises(ModuleNotFoundError, match="no_such_module_here"):
        hub.list("own/bad", trust_repo=True)


def test_a_broken_rule_of_the_sandbox_is_not_tried_here(hub, daemon):
    daemon.fail("List", _fail("SANDBOX_VIOLATION"))
    with pytest.raises(hubd.SandboxError):
        hub.list("own/repo", trust_repo=True)
    assert daemon.named("Load") == []


@pytest.mark.parametrize(
    "reason, metadata, text",
    [
        ("MISSING_DEPENDENCY", {"missing": "a,b"}, "Missing dependencies: a, b"),
        ("ENTRYPOINT_NOT_FOUND", {}, "Cannot find callable nope in hubconf"),
    ],
)
def test_help_raises_the_originals_runtime_errors(hub, daemon, reason, metadata, text):
    daemon.fail("Help", _fail(reason, **metadata))
    with pytest.raises(RuntimeError) as caught:
        hub.help("own/repo", "nope", trust_repo=True)
    assert str(caught.value) == text
    assert isinstance(caught.value, hubd.HubdError)
    assert caught.value.reason == reason


def test_a_tree_without_hubconf_is_a_missing_file(hub, daemon):
    daemon.fail("List", _fail("HUBCONF_MISSING"))
    with pytest.raises(FileNotFoundError) as caught:
        hub.list("own/repo", trust_repo=True)
    assert caught.value.filename.endswith("own_repo_main/hubconf.py")
    assert isinstance(caught.value, hubd.HubconfError)


# Private names.


def test_get_cache_or_reload_gives_a_directory_to_load_from(torch_hub, oneflow_hub):
    for hub, extra in ((torch_hub, {"calling_fn": None}), (oneflow_hub, {})):
        arguments = ("own/repo", False, True)
        if hub is oneflow_hub:
            arguments += ("load",)
        directory = hub._get_cache_or_reload(*arguments, **extra)
        assert directory == os.path.join(hub.get_dir(), "own_repo_main")
        assert hub.load(directory, "net", source="local")["args"] == ()


def test_parse_repo_info_finds_the_default_branch(hub, daemon):
    daemon.add_repo("own/old", _FILES, ref="master")
    assert hub._parse_repo_info("a/b:c") == ("a", "b", "c")
    assert hub._parse_repo_info("own/old") == ("own", "old", "master")
    assert hub._parse_repo_info("own/repo") == ("own", "repo", "main")


def test_no_warning_in_an_ordinary_load(torch_hub):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _load(torch_hub)
        _load(torch_hub)
