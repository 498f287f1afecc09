"""Checkpoints through the drop-ins, up to the framework's own load."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import urllib.error
import warnings
import zipfile

import grpc
import pytest

import hubd
from fake_daemon import Failure
from hubd import _weights
from hubd.v1 import hub_pb2

_URL = "https://h/v1/w.pth?x=1"


@pytest.fixture(params=["torch", "oneflow"])
def hub(request):
    return request.getfixturevalue(request.param + "_hub")


@pytest.fixture(autouse=True)
def urls(daemon):
    daemon.urls = {_URL: b"one", "https://h/v2/w.pth": b"two"}
    return daemon.urls


def _get(hub, url=_URL, **kwargs):
    options = {
        "model_dir": None,
        "progress": True,
        "check_hash": False,
        "file_name": None,
    }
    return hub._front_end.state_dict_file(url, **{**options, **kwargs})


def _name(hub, name="w.pth"):
    return os.path.join(hub.get_dir(), "checkpoints", name)


def _zip(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in members:
            archive.writestr(name, "content of " + name)
    return buffer.getvalue()


def test_a_checkpoint_is_fetched_leased_and_shown_by_its_name(hub, daemon, capsys):
    file = _get(hub)
    assert open(file.path, "rb").read() == b"one"
    assert os.readlink(_name(hub)) == file.path
    assert file.checkpoint.leases[0].path == file.path
    captured = capsys.readouterr()
    spoken, silent = captured.out, captured.err
    if hub is not hubd.torch:
        spoken, silent = silent, spoken
    assert spoken == f'Downloading: "{_URL}" to {_name(hub)}\n'
    assert silent == ""
    _get(hub)
    assert capsys.readouterr() == ("", "")


def test_a_download_is_announced_before_its_host_answers(hub, daemon, urls, capsys):
    urls.clear()
    daemon.progress = [hub_pb2.Progress(phase=hub_pb2.Progress.QUEUED)]
    with pytest.raises(urllib.error.HTTPError):
        _get(hub)
    assert "Downloading" not in "".join(capsys.readouterr())
    daemon.progress += [hub_pb2.Progress(phase=hub_pb2.Progress.CONNECTING)]
    with pytest.raises(urllib.error.HTTPError):
        _get(hub)
    assert f'Downloading: "{_URL}"' in "".join(capsys.readouterr())


def test_names_and_directories_are_the_users(hub, home):
    _get(hub, file_name="mine.bin")
    assert os.path.islink(_name(hub, "mine.bin"))
    _get(hub, model_dir=home + "/models/deep")
    assert os.path.islink(home + "/models/deep/w.pth")
    _get(hub, model_dir=home + "/models/deep", file_name="../up.bin")
    assert os.path.islink(home + "/models/up.bin")


def test_a_real_file_is_a_hit_and_nobody_is_asked(hub, daemon, capsys):
    os.makedirs(os.path.dirname(_name(hub)))
    with open(_name(hub), "wb") as file:
        file.write(b"the user's")
    with hubd.options(refresh=True):
        assert _get(hub, check_hash=True).path == _name(hub)
    assert daemon.requests == []
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def locked(home):
    path = os.path.join(home, "hubd.lock")
    with open(path, "w") as file:
        file.write("text")
    with hubd.options(locked=path):
        yield


def test_under_a_lock_a_real_file_is_no_hit_and_stays(hub, daemon, locked):
    os.makedirs(os.path.dirname(_name(hub)))
    with open(_name(hub), "wb") as file:
        file.write(b"the user's")
    file = _get(hub)
    assert open(file.path, "rb").read() == b"one"
    assert open(_name(hub), "rb").read() == b"the user's"
    assert daemon.named("FetchStateDict")[0].lock == "text"


def test_under_a_lock_the_daemon_is_asked_for_every_url(
    hub, daemon, home, locked, monkeypatch
):
    def own(*arguments, **options):
        pytest.fail("the user's own download ran")

    monkeypatch.setattr(hub, "download_url_to_file", own)
    _get(hub)
    wrong = grpc.StatusCode.FAILED_PRECONDITION
    for _ in range(2):
        daemon.fail("FetchStateDict", Failure(wrong, "NOT_LOCKED", "not locked", {}))
    with pytest.raises(hubd.Refused):
        _get(hub, "file:///etc/hostname")
    with pytest.raises(hubd.Refused):
        hub._front_end.download("file:///etc/hostname", home + "/f", None, False)


def test_a_locks_digest_is_in_the_originals_error(hub, daemon, locked):
    found = {"expected": "a" * 64, "actual": "b" * 64}
    loss = grpc.StatusCode.DATA_LOSS
    daemon.fail("FetchStateDict", Failure(loss, "DIGEST_MISMATCH", "differs", found))
    with pytest.raises(RuntimeError, match='expected "a{64}", got "b{64}"'):
        _get(hub)


def test_the_servers_digest_is_in_the_originals_error(hub, daemon):
    said = {"expected": "a" * 64, "actual": "b" * 64, "offered_by": "Repr-Digest"}
    loss = grpc.StatusCode.DATA_LOSS
    url = "https://h/w-bbbbbbbb.pth"
    daemon.fail("FetchStateDict", Failure(loss, "DIGEST_MISMATCH", "differs", said))
    with pytest.raises(RuntimeError, match='expected "a{64}", got "b{64}"'):
        hub.load_state_dict_from_url(url, check_hash=True)


def test_two_urls_with_one_name_each_get_their_own_bytes(hub):
    assert open(_get(hub).path, "rb").read() == b"one"
    with pytest.warns(UserWarning, match="stood for other bytes"):
        file = _get(hub, "https://h/v2/w.pth")
    assert open(file.path, "rb").read() == b"two"
    assert open(_name(hub), "rb").read() == b"two"


@pytest.mark.parametrize(
    "name, prefix",
    [
        ("resnet18-bfd8deac.pth", "bfd8deac"),
        ("weights.pth", None),
        ("weights-.pth", ""),
        ("foo-1.0-deadbeef.pth", "1"),
        ("x-ABCDEF12.pth", None),
        ("detr-r50-dc5-f0fb7ef5.pth", "f0fb7ef5"),
    ],
)
def test_the_hash_in_a_name_is_found_as_the_originals_find_it(name, prefix):
    assert _weights.hash_in(name) == prefix


def test_check_hash_sends_the_prefix_and_raises_the_originals_error(hub, daemon, urls):
    digest = hashlib.sha256(b"one").hexdigest()
    for prefix in (digest[:8], "00000000"):
        urls[f"https://h/w-{prefix}.pth"] = b"one"
    _get(hub, f"https://h/w-{digest[:8]}.pth", check_hash=True)
    assert daemon.named("FetchStateDict")[-1].sha256_prefix == digest[:8]
    _get(hub, "https://h/w-00000000.pth")
    with pytest.raises(RuntimeError) as caught:
        _get(hub, "https://h/w-00000000.pth", check_hash=True, file_name="b-00000.x")
    assert str(caught.value) == (
        f'invalid hash value (expected "00000", got "{digest}")'
    )
    assert isinstance(caught.value, hubd.IntegrityError)
    assert not os.path.lexists(_name(hub, "b-00000.x"))


def test_missing_and_unreachable_checkpoints_raise_urllibs_errors(hub, daemon):
    with pytest.raises(urllib.error.HTTPError) as caught:
        _get(hub, "https://h/absent.pth")
    assert caught.value.code == 404
    assert caught.value.filename == "https://h/absent.pth"
    assert isinstance(caught.value, hubd.NotFound)
    with pytest.raises(urllib.error.URLError) as missed, hubd.options(offline=True):
        _get(hub)
    assert isinstance(missed.value, hubd.OfflineMiss)
    failure = Failure(grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "down", {})
    daemon.fail("FetchStateDict", failure)
    with pytest.raises(urllib.error.URLError, match="<urlopen error down>"):
        _get(hub)


def test_what_the_daemon_wants_told_becomes_a_warning(hub, daemon):
    daemon.checkpoint_warnings = ["no length given"]
    with pytest.warns(UserWarning, match="no length given"):
        _get(hub)


def test_old_variables_only_warn(hub, monkeypatch):
    name = hub.__name__.rpartition(".")[2].upper()
    monkeypatch.setenv(name + "_MODEL_ZOO", "/old")
    with pytest.warns(UserWarning, match=f"{name}_MODEL_ZOO is deprecated"):
        _get(hub)


def test_file_urls_are_read_with_the_users_rights(hub, home, daemon):
    with open(home + "/local.bin", "wb") as file:
        file.write(b"local")
    path = _get(hub, "file://" + home + "/local.bin").path
    assert path == _name(hub, "local.bin")
    assert open(path, "rb").read() == b"local" and not os.path.islink(path)
    assert daemon.requests == []
    with pytest.raises(urllib.error.URLError):
        _get(hub, "file://" + home + "/absent.bin")


def test_a_replaced_download_does_the_work_on_a_miss(hub, daemon, monkeypatch):
    calls = []

    def mirror(url, dst, hash_prefix=None, progress=True):
        calls.append((url, dst, hash_prefix, progress))
        with open(dst, "wb") as file:
            file.write(b"mirrored")

    monkeypatch.setattr(hub, "download_url_to_file", mirror)
    for _ in range(2):
        assert open(_get(hub, progress=False).path, "rb").read() == b"mirrored"
    assert calls == [(_URL, _name(hub), None, False)]
    assert daemon.requests == []


def test_a_replaced_download_never_writes_through_a_link_into_the_store(
    hub, daemon, monkeypatch
):
    evicted = _get(hub).path
    os.unlink(evicted)

    def mirror(url, dst, hash_prefix=None, progress=True):
        with open(dst, "wb") as file:
            file.write(b"mirrored")

    monkeypatch.setattr(hub, "download_url_to_file", mirror)
    assert open(_get(hub).path, "rb").read() == b"mirrored"
    assert not os.path.exists(evicted) and not os.path.islink(_name(hub))


def test_torch_unpacks_an_old_zip_once_and_warns(torch_hub, daemon, urls):
    urls["https://h/old.zip"] = _zip("inner.pth")
    with pytest.warns(FutureWarning, match="will be deprecated in favor of default"):
        file = _get(torch_hub, "https://h/old.zip")
    assert open(file.path).read() == "content of inner.pth"
    assert "/store/unpacked/" in file.path
    assert len(file.checkpoint.leases) == 2
    assert os.listdir(os.path.dirname(_name(torch_hub))) == ["old.zip"]
    assert [r.unpack for r in daemon.named("FetchStateDict")] == [False, True]


def test_torch_loads_other_zips_as_they_are(torch_hub, urls):
    urls["https://h/new.pth"] = _zip("a/data.pkl", "a/version")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "/store/blobs/" in _get(torch_hub, "https://h/new.pth").path


def test_oneflow_loads_the_first_member_of_every_zip(oneflow_hub, daemon, urls):
    urls["https://h/model.zip"] = _zip("model/", "model/weight")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = _get(oneflow_hub, "https://h/model.zip")
    assert sorted(os.listdir(file.path)) == ["weight"]
    assert "/store/unpacked/" in file.path
    assert len(daemon.named("FetchStateDict")) == 1


def test_the_users_own_zip_is_unpacked_beside_itself(hub, daemon):
    os.makedirs(os.path.dirname(_name(hub)))
    with open(_name(hub), "wb") as file:
        file.write(_zip("inner.pth"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert _get(hub).path == _name(hub, "inner.pth")
    assert daemon.requests == []


def test_download_writes_a_file_of_the_users_own(hub, home, daemon, urls):
    before = os.umask(0o022)
    try:
        hub.download_url_to_file(_URL, "~/dst.bin")
    finally:
        os.umask(before)
    path = home + "/dst.bin"
    assert open(path, "rb").read() == b"one"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    assert os.stat(path).st_nlink == 1 and not os.path.islink(path)
    urls[_URL] = b"changed"
    hub.download_url_to_file(_URL, path, progress=False)
    assert open(path, "rb").read() == b"changed"
    assert [r.refresh for r in daemon.named("FetchStateDict")] == [True, True]


def test_a_download_takes_what_is_cached_while_the_origin_is_silent(hub, home, daemon):
    silent = Failure(
        grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "no answer", {}
    )
    hub.download_url_to_file(_URL, home + "/dst.bin", progress=False)
    daemon.fail("FetchStateDict", silent)
    with pytest.warns(UserWarning, match="the cached bytes are used"):
        hub.download_url_to_file(_URL, home + "/dst.bin", progress=False)
    assert open(home + "/dst.bin", "rb").read() == b"one"
    assert [r.offline for r in daemon.named("FetchStateDict")][-2:] == [False, True]
    missing = Failure(grpc.StatusCode.FAILED_PRECONDITION, "OFFLINE_MISS", "no", {})
    daemon.fail("FetchStateDict", silent)
    daemon.fail("FetchStateDict", missing)
    with pytest.raises(urllib.error.URLError, match="no answer"):
        hub.download_url_to_file(_URL, home + "/dst.bin", progress=False)


def test_a_refresh_takes_what_is_cached_while_the_origin_is_silent(hub, daemon):
    silent = Failure(
        grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "no answer", {}
    )
    cached = _get(hub).path
    with hubd.options(refresh=True):
        daemon.fail("FetchStateDict", silent)
        with pytest.warns(UserWarning, match="the cached bytes are used"):
            assert _get(hub).path == cached
        assert [r.refresh for r in daemon.named("FetchStateDict")][:2] == [False, True]
        assert [r.offline for r in daemon.named("FetchStateDict")][1:] == [False, True]
        daemon.fail("FetchStateDict", silent)
        with pytest.raises(urllib.error.URLError, match="no answer"):
            _get(hub, "https://h/v2/w.pth")


@pytest.mark.parametrize("prefix", ["0000", "ABCDEF", "not hex"])
def test_a_failed_download_leaves_the_file_as_it_was(hub, home, prefix):
    path = home + "/dst.bin"
    with open(path, "w") as file:
        file.write("mine")
    digest = hashlib.sha256(b"one").hexdigest()
    with pytest.raises(RuntimeError) as caught:
        hub.download_url_to_file(_URL, path, hash_prefix=prefix)
    expected = f'invalid hash value (expected "{prefix}", got "{digest}")'
    assert str(caught.value) == expected
    assert open(path).read() == "mine"
    assert [name for name in os.listdir(home) if "partial" in name] == []


def test_a_download_into_a_missing_directory_fails_before_any_request(
    hub, home, daemon
):
    with pytest.raises(FileNotFoundError):
        hub.download_url_to_file(_URL, home + "/absent/dst.bin")
    assert daemon.requests == []
