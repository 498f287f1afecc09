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
