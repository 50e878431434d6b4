"""One supervisor for a workspace, whatever happened to the one before."""

from __future__ import annotations

import os
import re
import signal

import pytest

from quarterdeck_daemon.service import lifecycle
from quarterdeck_daemon.service.run_folder import Lock, Owner, owner_of, take_lock
from quarterdeck_protocol.codes import QuarterdeckError

from .office import Office, until

STARTS = 20
BARE = {"daemon": "quiet"}


def control_inode(office: Office) -> int:
    return (office.places.run / "control.sock").stat().st_ino


def test_of_twenty_starts_at_once_one_wins_and_the_losers_name_it(office: Office) -> None:
    """The losers exit 8 with the owner's process id, and the owner's socket stays the very same file."""
    starts = [office.launch(commands=BARE) for _ in range(STARTS)]
    until(office.places.control.exists)
    inode = control_inode(office)
    until(lambda: sum(start.poll() is not None for start in starts) == STARTS - 1)
    winner = next(start for start in starts if start.poll() is None)
    losers = [start for start in starts if start is not winner]
    said = [start.communicate()[1] for start in losers]
    assert [start.returncode for start in losers] == [8] * (STARTS - 1)
    assert {re.findall(r"supervisor (\d+)", words)[0] for words in said} == {str(winner.pid)}
    assert office.supervisor() == winner.pid
    assert control_inode(office) == inode


def test_twin_without_the_lock_the_second_start_steals_the_socket(office: Office) -> None:
    first = office.launch(commands=BARE)
    until(office.places.control.exists)
    assert office.supervisor() == first.pid
    second = office.launch(commands=BARE, without=["lock"])
    until(lambda: office.places.control.exists() and office.supervisor() == second.pid)
    assert first.poll() is None, "the first runs on, and nobody reaches it"


def test_a_lock_left_by_a_killed_owner_is_free(office: Office) -> None:
    office.open()
    first = office.supervisor()
    os.kill(first, signal.SIGKILL)
    until(lambda: lifecycle.is_running(office.folder) is None)
    office.open()
    assert office.supervisor() != first


def test_twin_a_lock_that_is_a_mere_file_stays_for_ever(office: Office) -> None:
    first = office.launch(commands=BARE, without=["kernel_lock"])
    until(office.places.control.exists)
    first.kill()
    first.wait()
    second = office.launch(commands=BARE, without=["kernel_lock"])
    assert second.wait() == 8


def test_a_look_at_the_lock_names_the_owner_and_takes_nothing(office: Office) -> None:
    assert lifecycle.is_running(office.folder) is None
    connection = office.open()
    looks = [lifecycle.is_running(office.folder) for _ in range(3)]
    assert looks == [Owner(pid=office.supervisor(), daemon=connection.pid)] * 3


def test_the_record_of_a_dead_owner_is_not_believed(office: Office) -> None:
    """Between the flock and the record of a new owner, the file still names the old one."""
    path = office.folder / "lock"
    lock = take_lock(path)
    lock.record(Owner(pid=2**22 + 1))  # Beyond any process id.
    assert owner_of(path) == Owner(pid=0)
    lock.release()
    assert owner_of(path) is None


def test_a_taken_lock_is_a_conflict_with_the_facts(office: Office) -> None:
    path = office.folder / "lock"
    lock: Lock = take_lock(path)
    lock.record(Owner(pid=os.getpid(), daemon=7))
    with pytest.raises(QuarterdeckError) as refused:
        take_lock(path)
    assert (refused.value.code, refused.value.message, refused.value.details) == (
        "conflict",
        f"already running: daemon 7 (supervisor {os.getpid()})",
        {"supervisor": os.getpid(), "daemon": 7},
    )
    lock.release()
