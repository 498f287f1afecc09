from __future__ import annotations

import pytest

import hubd
from hubd import _errors


@pytest.mark.parametrize(
    "reason, kind",
    [
        ("REF_NOT_FOUND", hubd.NotFound),
        ("REPO_NOT_TRUSTED", hubd.NotTrusted),
        ("OFFLINE_MISS", hubd.OfflineMiss),
        ("RATE_LIMITED", hubd.RateLimited),
        ("DIGEST_MISMATCH", hubd.IntegrityError),
        ("SANDBOX_UNAVAILABLE", hubd.SandboxError),
        ("INVALID_REPO", hubd.InvalidArgument),
        ("NOT_YOURS", hubd.Refused),
        ("DISK_FULL", hubd.ResourceExhausted),
        ("MISSING_DEPENDENCY", hubd.HubconfError),
    ],
)
def test_a_reason_chooses_the_class(reason, kind):
    assert type(_errors.from_status("UNKNOWN", "x", reason=reason)) is kind


def test_a_reason_of_a_later_daemon_falls_back_to_the_code():
    error = _errors.from_status("NOT_FOUND", "x", reason="PLANET_NOT_FOUND")
    assert type(error) is hubd.NotFound
    assert error.reason == "PLANET_NOT_FOUND"


def test_an_error_tells_code_reason_and_metadata():
    error = _errors.from_status(
        "UNAVAILABLE", "later", reason="RATE_LIMITED", metadata={"retry_after_ms": "5"}
    )
    assert (error.code, error.reason) == ("UNAVAILABLE", "RATE_LIMITED")
    assert error.metadata == {"retry_after_ms": "5"}
    assert str(error) == "later"
    assert isinstance(error, hubd.UpstreamError)


def test_malformed_input_is_a_value_error_and_lateness_a_timeout_error():
    assert issubclass(hubd.InvalidArgument, ValueError)
    assert issubclass(hubd.DeadlineExceeded, TimeoutError)
