"""An origin and a machine for each test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.machine import ORDINARY_UID, Machine
from tests.e2e.mounts import Mounts
from tests.e2e.rows import MODES, start_machine
from tests.origin import Origin, add_sample

# Whoever runs the tests in the background may ignore these, and what ignores a
# signal hands that on to the programs that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        add_sample(running)
        running.reset_counters()
        yield running


@pytest.fixture
def machine(origin: Origin) -> Iterator[Machine]:
    machine = Machine(origin)
    yield machine
    machine.close()


@pytest.fixture
def mounts(machine: Machine) -> Iterator[Mounts]:
    mounts = Mounts()
    yield mounts
    mounts.close()


@pytest.fixture
def ordinary(origin: Origin) -> Iterator[Machine]:
    """A machine of a user who is not root, where there is a choice."""
    machine = Machine(origin, uid=ORDINARY_UID if os.getuid() == 0 else None)
    yield machine
    machine.close()


@pytest.fixture(scope="module", params=MODES)
def any_mode(origin: Origin, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine for all rows of a module, in each mode; the module has the origin."""
    machine = start_machine(request.param, origin)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def user(origin: Origin) -> Iterator[Machine]:
    """The same, of a user's own daemon."""
    machine = start_machine("user", origin)
    yield machine
    machine.close()


@pytest.fixture(params=["started-by-root", "ordinary-user"])
def any_user(origin: Origin, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine of root and one of an ordinary user (of the tests' user alone where
    that is not root)."""
    ordinary = request.param == "ordinary-user"
    if os.getuid() != 0 and not ordinary:
        pytest.skip("only root can be root")
    machine = Machine(
        origin, uid=ORDINARY_UID if os.getuid() == 0 and ordinary else None
    )
    yield machine
    machine.close()
