from __future__ import annotations

import pickle
import urllib.error

import pytest

import hubd
from hubd import _errors, _translate


def _repo_error(reason):
    return _translate.of_repo(
        _errors.from_status("UNKNOWN", "why", reason=reason, metadata={"repo": "o/r"}),
        owner="o",
        name="r",
        ref="v1",
        hub_dir="/hub",
        explain=True,
    )


@pytest.mark.parametrize(
    "reason, kind",
    [
        ("REF_NOT_FOUND", ValueError),
        ("OFFLINE_MISS", RuntimeError),
        ("UPSTREAM_UNAVAILABLE", RuntimeError),
        ("REPO_NOT_FOUND", urllib.error.HTTPError),
        ("RATE_LIMITED", urllib.error.HTTPError),
        ("DISK_FULL", hubd.ResourceExhausted),
    ],
)
def test_errors_come_back_whole_from_another_process(reason, kind):
    error = _repo_error(reason)
    assert isinstance(error, kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert (again.code, again.reason, again.metadata) == (
        error.code,
        reason,
        {"repo": "o/r"},
    )


def test_a_missing_file_keeps_its_name_in_another_process():
    error = _translate.of_hubconf(
        _errors.from_status("UNKNOWN", "why", reason="HUBCONF_MISSING"),
        model="net",
        directory="/hub/o_r_main",
        hubconf="hubconf",
    )
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, FileNotFoundError)
    assert again.filename == "/hub/o_r_main/hubconf.py"


def test_a_repo_that_git_is_refused_is_not_found():
    error = _errors.from_status(
        "NOT_FOUND", "why", reason="REPO_NOT_FOUND", metadata={"http_status": "401"}
    )
    raised = _translate.of_repo(
        error, owner="o", name="r", ref="v1", hub_dir="/hub", explain=True
    )
    assert isinstance(raised, urllib.error.HTTPError)
    assert raised.code == 404


@pytest.mark.parametrize(
    "reason, status, text",
    [
        ("UPSTREAM_UNAVAILABLE", "503", "HTTP Error 503: Service Unavailable"),
        ("UPSTREAM_UNAVAILABLE", "599", "HTTP Error 599: Unknown"),
        ("UPSTREAM_FORBIDDEN", "401", "HTTP Error 401: Unauthorized"),
        ("RATE_LIMITED", "403", "HTTP Error 403: Forbidden"),
        ("CHECKPOINT_NOT_FOUND", "410", "HTTP Error 410: Gone"),
    ],
)
def test_the_status_is_the_one_that_the_origin_gave(reason, status, text):
    error = _errors.from_status(
        "UNKNOWN", "why", reason=reason, metadata={"http_status": status}
    )
    of_checkpoint = _translate.of_checkpoint(error, url="u", hash_prefix=None)
    of_repo = _translate.of_repo(
        error, owner="o", name="r", ref="v1", hub_dir="/hub", explain=True
    )
    for raised in (of_checkpoint, of_repo):
        assert isinstance(raised, urllib.error.HTTPError)
        assert raised.code == int(status)
        assert str(raised).startswith(text)
