"""grpc.health.v1 and reflection, asked by plain gRPC."""

from __future__ import annotations

import os
import signal

import grpc
import pytest

from tests.e2e.machine import Machine
from tests.e2e.processes import wait_for_end
from tests.origin import Origin

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
SERVICES = ["", "hubd.v1.Hub", "hubd.v1.Cache", "hubd.v1.Trust"]


def request(service: str) -> bytes:
    """HealthCheckRequest{service = 1}."""
    return b"\x0a" + bytes([len(service)]) + service.encode() if service else b""


def status(response: bytes) -> int:
    """HealthCheckResponse{status = 1}."""
    return response[1] if response else 0


def channel_to(machine: Machine) -> grpc.Channel:
    socket = machine.json("status")["socket"]
    return grpc.insecure_channel(f"unix:{socket}")


@pytest.mark.parametrize("service", SERVICES)
def test_check_says_serving(machine: Machine, service: str) -> None:
    with channel_to(machine) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert status(check(request(service))) == SERVING


def test_check_of_an_unknown_service_is_not_found(machine: Machine) -> None:
    with channel_to(machine) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        with pytest.raises(grpc.RpcError) as error:
            check(request("no.Such"))
        assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_watch_sees_the_drain(machine: Machine, origin: Origin) -> None:
    url = origin.add_file("models.example.org", "/held", b"x" * 1000)
    pid = machine.daemon_pid()
    handle = os.pidfd_open(pid)
    with (
        channel_to(machine) as channel,
        origin.hold("models.example.org", "/held") as gate,
    ):
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
        seen = watch(request("hubd.v1.Hub"))
        assert status(next(seen)) == SERVING
        unknown = watch(request("no.Such"))
        assert status(next(unknown)) == SERVICE_UNKNOWN
        # A call under way holds the drain open.
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        gate.wait_reached()
        os.kill(pid, signal.SIGTERM)
        assert status(next(seen)) == NOT_SERVING
        gate.release()
        assert fetch.wait(60) == 0
        fetch.communicate()
    wait_for_end(handle)
    os.close(handle)


def test_reflection_only_by_flag(machine: Machine) -> None:
    method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    list_services = b"\x3a\x01*"

    def ask() -> bytes:
        with channel_to(machine) as channel:
            call = channel.stream_stream(method)
            return bytes(next(call(iter([list_services]))))

    with pytest.raises(grpc.RpcError) as error:
        ask()
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    machine.kill_daemon()
    machine.configure("[daemon]\nreflection = true\n")
    assert b"hubd.v1.Hub" in ask()
