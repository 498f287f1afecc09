from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

import hubd
from fake_daemon import Failure
from hubd.v1 import cache_pb2, hub_pb2

_FILES = {"hubconf.py": "def net(): return 1\n"}


def test_load_gives_a_leased_tree(daemon):
    daemon.add_repo("own/repo", _FILES).warnings = ["renamed"]
    tree = hubd.Client().load("own/repo:main")
    assert (tree.repo, tree.ref, tree.cached) == ("github.com/own/repo", "main", False)
    assert tree.warnings == ("renamed",)
    assert os.listdir(tree.path) == ["hubconf.py"]
    assert tree.lease.path == tree.path
    assert hubd.Client().load("own/repo:main").cached


def test_what_is_evicted_before_the_lease_is_asked_for_again(daemon):
    daemon.add_repo("own/repo", _FILES)

    def evict_once(path):
        daemon.before_answer = None
        shutil.rmtree(path)

    daemon.before_answer = evict_once
    assert os.path.isdir(hubd.Client().load("own/repo").path)
    assert len(daemon.named("Load")) == 2
    daemon.before_answer = shutil.rmtree
    with pytest.raises(hubd.HubdError, match="evicted each time"):
        hubd.Client().load("own/repo")
    assert len(daemon.named("Load")) == 5


def test_an_evicted_checkpoint_is_asked_for_again(daemon):
    daemon.urls["https://h/f"] = b"bytes"

    def evict_once(path):
        daemon.before_answer = None
        os.unlink(path)

    daemon.before_answer = evict_once
    found = hubd.Client().fetch_state_dict("https://h/f")
    assert open(found.path, "rb").read() == b"bytes"
    assert len(found.leases) == 1


def test_a_fetch_imports_what_it_needs_only(daemon):
    daemon.urls["https://h/f"] = b"bytes"
    code = (
        "import sys, hubd\n"
        "hubd.Client().fetch_state_dict('https://h/f')\n"
        "print(sorted(name for name in sys.modules if name.startswith('hubd.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.path.dirname(hubd.__path__[0])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    spared = ("_cache", "_jobs", "_trusted", "_status", "_hubconf", "_interpreter")
    imported = ast.literal_eval(done.stdout)
    assert "hubd._rpc" in imported
    assert not {f"hubd.{name}" for name in spared} & set(imported)
    assert [name for name in imported if name.startswith("hubd.v1.")] == [
        "hubd.v1.error_pb2",
        "hubd.v1.hub_pb2",
        "hubd.v1.hub_pb2_grpc",
    ]


def test_list_describes_this_interpreter(daemon):
    repo = daemon.add_repo("own/repo", _FILES)
    repo.entrypoints = {"net": "A net.\nMore.", "_hidden": None}
    listing = hubd.Client().list("own/repo", skip_validation=True, refresh=True)
    assert [entry.name for entry in listing.entrypoints] == ["_hidden", "net"]
    assert listing.entrypoints[1].summary == "A net."
    (request,) = daemon.named("List")
    assert request.interpreter.executable == sys.executable
    assert request.interpreter.base_prefix == sys.base_prefix
    assert request.tree.skip_validation and request.tree.refresh
    assert request.tree.default_ref == 0


def test_help_tells_no_docstring_from_an_empty_one(daemon):
    repo = daemon.add_repo("own/repo", _FILES)
    repo.entrypoints = {"bare": None, "empty": "", "full": "Text."}
    client = hubd.Client()
    docs = [client.help("own/repo", name).doc for name in ("bare", "empty", "full")]
    assert docs == [None, "", "Text."]


def test_options_and_environment_reach_the_requests(daemon, monkeypatch):
    daemon.add_repo("own/repo", _FILES)
    client = hubd.Client()
    client.load("own/repo")
    monkeypatch.setenv("HUBD_OFFLINE", "1")
    client.load("own/repo")
    with hubd.options(offline=False, refresh=True):
        client.load("own/repo")
    client.load("own/repo", offline=False)
    trees = [request.tree for request in daemon.named("Load")]
    assert [tree.offline for tree in trees] == [False, True, False, False]
    assert [tree.refresh for tree in trees] == [False, False, True, False]


def test_lock_and_commit_reach_the_requests(daemon, tmp_path):
    daemon.add_repo("own/repo", _FILES)
    daemon.urls["https://h/f"] = b"bytes"
    (tmp_path / "f").write_text("text")
    client = hubd.Client()
    with hubd.options(locked=tmp_path / "f", commit="a" * 40):
        client.load("own/repo")
        client.fetch_state_dict("https://h/f")
    client.load("own/repo")
    client.fetch_state_dict("https://h/f")
    trees = [request.tree for request in daemon.named("Load")]
    assert [(tree.lock, tree.commit) for tree in trees] == [
        ("text", "a" * 40),
        ("", ""),
    ]
    fetches = daemon.named("FetchStateDict")
    assert [request.HasField("lock") for request in fetches] == [True, False]


def test_what_reaches_private_repos_is_lent(daemon, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", os.fsdecode(b"/run/\xff"))
    monkeypatch.setenv("NETRC", "x" * ((16 << 10) + 1))
    monkeypatch.setenv("OTHER_SECRET", "x")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    daemon.add_repo("own/repo", _FILES)
    hubd.Client().load("own/repo")
    environment = daemon.named("Load")[0].tree.environment
    assert environment["GITHUB_TOKEN"] == b"secret"
    assert environment["SSH_AUTH_SOCK"] == b"/run/\xff"
    assert not {"NETRC", "GH_TOKEN", "OTHER_SECRET"} & set(environment)


def test_a_fetch_lends_the_network_alone(daemon, monkeypatch):
    names = (
        "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY",
        "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "CURL_CA_BUNDLE",
    )  # fmt: skip
    for name in names:
        monkeypatch.setenv(name, name)
    monkeypatch.setenv("HTTP_PROXY", "from a request")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    daemon.urls["https://h/f"] = b"bytes"
    hubd.Client().fetch_state_dict("https://h/f")
    environment = daemon.named("FetchStateDict")[0].environment
    assert dict(environment) == {name: name.encode() for name in names}


def test_what_is_not_locked_is_refused(daemon):
    refusal = grpc.StatusCode.FAILED_PRECONDITION
    daemon.fail("Load", Failure(refusal, "NOT_LOCKED", "not in the lock", {}))
    with pytest.raises(hubd.Refused, match="not in the lock"):
        hubd.Client().load("own/repo")


def test_an_offline_miss_has_its_own_class(daemon):
    daemon.add_repo("own/repo", _FILES)
    with pytest.raises(hubd.OfflineMiss):
        hubd.Client().load("own/repo", offline=True)


def test_fetch_state_dict_leases_blob_and_unpacked_directory(daemon, tmp_path):
    shutil.make_archive(str(tmp_path / "a"), "zip", os.path.dirname(__file__))
    daemon.urls["https://h/a.zip"] = (tmp_path / "a.zip").read_bytes()
    found = hubd.Client().fetch_state_dict("https://h/a.zip", unpack=True)
    assert [lease.path for lease in found.leases] == [found.path, found.unpacked_path]
    assert "client_test.py" in found.members


def test_status_names_daemon_and_caller(daemon):
    status = hubd.Client().get_status()
    assert (status.version, status.root) == ("0.1.0", daemon.root)
    assert status.caller.uid == os.getuid()


def test_a_client_of_a_socket_asks_there_and_starts_nothing(daemon, home):
    assert hubd.Client(socket=daemon.socket, dir="/elsewhere").get_dir() == daemon.root
    with pytest.raises(hubd.DaemonUnreachable):
        hubd.Client(socket=home + "/none").get_dir()


def test_listings_run_over_all_pages(daemon):
    for number in range(5):
        daemon.add_repo(f"own/repo{number}", _FILES)
        daemon.cached_urls[f"https://h/{number}"] = "0" * 64
    client = hubd.Client()
    assert len(list(client.cache.trees())) == 5
    assert [found.url for found in client.cache.checkpoints()] == [
        f"https://h/{number}" for number in range(5)
    ]


def test_verify_tells_what_is_damaged(daemon):
    daemon.verified.damages.add(kind="tree", name="n", problem="gone", removed=True)
    seen = []
    found = hubd.Client().cache.verify("own/repo", progress=seen.append)
    assert [progress.phase for progress in seen] == ["queued", "verifying"]
    assert (found.trees, found.complete) == (1, True)
    (damage,) = found.damages
    assert (damage.kind, damage.problem, damage.removed) == ("tree", "gone", True)
    (request,) = daemon.named("Verify")
    assert request.repo == "own/repo"


def test_a_quick_verify_tells_what_it_did_not_read(daemon):
    daemon.verified.unchanged = 3
    assert hubd.Client().cache.verify(quick=True).unchanged == 3
    (request,) = daemon.named("Verify")
    assert request.quick


def test_repair_tells_of_each_damage_what_became_of_it(daemon, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    daemon.verified.damages.add(kind="blob", repaired=True)
    daemon.verified.damages.add(kind="tree", unrepaired="gone there, too")
    found = hubd.Client().cache.repair("own/repo", quick=True, offline=True)
    assert [one.repaired for one in found.damages] == [True, False]
    assert found.damages[1].unrepaired == "gone there, too"
    (request,) = daemon.named("Repair")
    assert (request.verify.repo, request.verify.quick) == ("own/repo", True)
    assert request.offline
    assert request.environment["GITHUB_TOKEN"] == b"t"


def test_prune_tells_what_went(daemon):
    pruned = hubd.Client().cache.prune_partials()
    assert (pruned.removed, pruned.removed_bytes) == (2, 20)
    assert (pruned.in_use, pruned.in_use_bytes) == (1, 0)
    (request,) = daemon.named("Prune")
    assert request.partials


def test_import_tells_what_became_of_each_thing(daemon, tmp_path, monkeypatch):
    daemon.imported.entries.add(path="o_r_main", kind="tree", how="copy")
    monkeypatch.chdir(tmp_path)
    seen = []
    found = hubd.Client().cache.import_directory(
        Path("hub"), ["o/r_x"], progress=seen.append
    )
    assert [progress.phase for progress in seen] == ["importing"]
    assert (found.trees, found.complete) == (1, True)
    (entry,) = found.entries
    assert (entry.path, entry.kind, entry.how) == ("o_r_main", "tree", "copy")
    (request,) = daemon.named("Import")
    assert request.directory == str(tmp_path / "hub")
    assert list(request.repos) == ["o/r_x"]


def _list_jobs(*ids):
    message = cache_pb2.ListJobsResponse(complete=True, host_limits={"h.org": 7})
    for id in ids:
        job = message.jobs.add(id=id, kind="checkpoint", callers=1, uids=[1000])
        job.progress.phase = hub_pb2.Progress.WAITING
        job.progress.last_error = "it broke"
    return message


def test_jobs_are_listed_with_their_progress(daemon):
    daemon.job_lists = [_list_jobs(7)]
    found = hubd.Client().jobs.list()
    assert (found.complete, found.limit, found.host_limits) == (True, 0, {"h.org": 7})
    (job,) = found.jobs
    assert (job.id, job.kind, job.callers, job.uids) == (7, "checkpoint", 1, (1000,))
    assert (job.progress.phase, job.progress.last_error) == ("waiting", "it broke")


def test_a_watch_outlives_its_connection(daemon):
    daemon.job_lists = [_list_jobs(), _list_jobs(7)]
    watch = hubd.Client().jobs.watch()
    told = [next(watch) for _ in range(5)]
    assert [len(one.jobs) for one in told] == [0, 1, 0, 1, 0]
    watch.close()
    assert daemon.ended.wait(10)


def test_a_watch_ends_with_its_time_or_a_refusal(daemon):
    refusal = Failure(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS", "no", {})
    daemon.fail("WatchJobs", refusal)
    with pytest.raises(hubd.Refused):
        next(hubd.Client().jobs.watch())
    with pytest.raises(hubd.DeadlineExceeded):
        for _ in hubd.Client(timeout=0.3).jobs.watch():
            pass


def test_jobs_are_cancelled_and_limited(daemon):
    jobs = hubd.Client().jobs
    assert jobs.cancel(7).id == 7
    jobs.limit(1 << 20)
    jobs.limit(1 << 20, host="h.org")
    jobs.limit(None, job=7)
    whole, host, job = daemon.named("SetLimit")
    assert (whole.WhichOneof("what"), whole.bytes_per_second) == (None, 1 << 20)
    assert host.host == "h.org"
    assert (job.job, job.bytes_per_second) == (7, 0)
    with pytest.raises(hubd.InvalidArgument):
        jobs.limit(1 << 20, host="h.org", job=7)


def test_trust_is_general_or_for_one_directory(daemon):
    trust = hubd.Client().trust
    assert trust.add("own/repo", hub_dir="/d")
    assert not trust.add("own/repo", hub_dir="/d")
    assert not trust.check("own/repo").trusted
    assert trust.check("own/repo", hub_dir="/d").here
    trust.add("own/other")
    check = trust.check("own/other", hub_dir="/d")
    assert (check.trusted, check.here) == (True, False)
    assert len(list(trust.list())) == 2
    with pytest.raises(hubd.NotTrusted):
        daemon.add_repo("own/repo", _FILES)
        hubd.Client().load("own/repo", require_trust=True)
    assert trust.remove("own/repo", everywhere=True) == 1
    assert [entry.repo for entry in trust.list()] == ["github.com/own/other"]
