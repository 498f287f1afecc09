from __future__ import annotations

import copy
import fcntl
import os
import pickle

import pytest

from hubd import _lease


def _can_evict(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


@pytest.mark.parametrize("make", [os.mkdir, lambda path: open(path, "w").close()])
def test_a_lease_keeps_an_object_until_it_is_closed(home, make):
    path = os.path.join(home, "object")
    make(path)
    lease = _lease.take(path)
    assert not _can_evict(path)
    lease.close()
    assert _can_evict(path)


def test_a_lease_ends_when_nothing_refers_to_it(home):
    lease = _lease.take(home)
    del lease
    assert _can_evict(home)


def test_what_is_gone_gives_no_lease(home):
    assert _lease.take(os.path.join(home, "gone")) is None


def test_what_was_replaced_while_it_was_locked_gives_no_lease(home, monkeypatch):
    path = os.path.join(home, "blob")
    open(path, "w").close()

    def evict_meanwhile(fd, operation):
        os.rename(path, path + ".evicted")
        open(path, "w").close()

    monkeypatch.setattr(_lease.fcntl, "flock", evict_meanwhile)
    assert _lease.take(path) is None


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_lease(home, duplicate):
    lease = _lease.take(home)
    again = duplicate(lease)
    del lease
    assert not _can_evict(home)
    again.close()
    assert _can_evict(home)


def test_a_lease_sent_to_another_process_closes_no_descriptor_there(home):
    lease = _lease.take(home)
    there = pickle.loads(pickle.dumps(lease))
    assert there.path == home
    there.close()
    assert not _can_evict(home)
