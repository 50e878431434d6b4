"""Every way to end: clean, stubborn, killed."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from quarterdeck_daemon.service import lifecycle
from quarterdeck_daemon.service.run_folder import END_S_MAX
from quarterdeck_protocol.codes import QuarterdeckError

from .office import Office, is_gone, until

NAMES = ("daemon", "effector", "indexer", "worker-1", "worker-2")


def everybody(office: Office) -> list[int]:
    return [office.pid(name) for name in NAMES]


def test_a_shutdown_leaves_no_process_no_socket_no_connection_file(office: Office) -> None:
    office.open(workers=2)
    supervisor, pids = office.supervisor(), everybody(office)
    assert lifecycle.stop_all(office.folder) is True
    assert all(is_gone(pid) for pid in pids)
    until(lambda: is_gone(supervisor))
    assert sorted(path.name for path in office.places.run.iterdir()) == ["lock"]
    assert lifecycle.stop_all(office.folder) is False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stubborn_child_does_not_delay_the_end(office: Office, number: signal.Signals) -> None:
    office.open(workers=2, commands={"daemon": "stubborn", "worker": "orphan"})
    pids = everybody(office)
    supervisor = psutil.Process(office.supervisor())
    began = time.monotonic()
    supervisor.send_signal(number)
    until(lambda: lifecycle.is_running(office.folder) is None)
    assert time.monotonic() - began < 2 * END_S_MAX, "the promise is one; a loaded machine gets two"
    assert all(is_gone(pid) for pid in pids)


def test_twin_without_the_kill_the_stubborn_child_survives(office: Office) -> None:
    office.open(commands={"daemon": "stubborn"}, without=["kill_at_end"])
    daemon = office.pid("daemon")
    office.ask("system.shutdown")
    until(lambda: lifecycle.is_running(office.folder) is None)
    assert not is_gone(daemon)


def test_children_die_with_a_killed_supervisor(office: Office) -> None:
    """Also one that is frozen at that moment: the kernel sees to it."""
    office.open(workers=2)
    pids = everybody(office)
    os.kill(office.pid("daemon"), signal.SIGSTOP)
    os.kill(office.supervisor(), signal.SIGKILL)
    until(lambda: all(is_gone(pid) for pid in pids))
    assert [pid for pid in pids if not is_gone(pid)] == []


def test_twin_a_child_tied_to_nobody_survives_a_killed_supervisor(office: Office) -> None:
    office.open(workers=2, commands={"worker": "orphan"})
    pids = everybody(office)
    os.kill(office.supervisor(), signal.SIGKILL)
    until(lambda: is_gone(pids[0]) and is_gone(pids[1]))
    assert not is_gone(pids[NAMES.index("worker-1")])


def test_a_frozen_supervisor_is_ended_all_the_same(office: Office) -> None:
    office.open()
    pids = [office.supervisor(), office.pid("daemon"), office.pid("effector")]
    os.kill(pids[0], signal.SIGSTOP)
    assert lifecycle.stop_all(office.folder, wait_s=0.3) is True
    until(lambda: all(is_gone(pid) for pid in pids))


def test_a_stop_is_still_served_while_it_ends(office: Office) -> None:
    """The stubborn daemon makes the end take seconds; a stop in between is answered and written."""
    office.open(commands={"daemon": "stubborn"})
    office.ask("system.shutdown")
    assert office.ask("stop.engage", reason="now")["epoch"] == 1
    until(lambda: lifecycle.is_running(office.folder) is None)


def test_starting_twice_names_the_owner(office: Office) -> None:
    connection = office.open()
    supervisor = office.supervisor()
    with pytest.raises(QuarterdeckError) as refused:
        office.open()
    assert (refused.value.code, refused.value.message) == (
        "conflict",
        f"already running: daemon {connection.pid} (supervisor {supervisor})",
    )


def test_a_daemon_that_does_not_come_up_is_reported_with_its_log(office: Office) -> None:
    with pytest.raises(QuarterdeckError) as failed:
        lifecycle.start(office.folder, wait_s=4.0, command=office.command(commands={"daemon": "dies"}))
    assert failed.value.code == "unavailable"
    assert "the log could not be opened" in failed.value.message


def test_bad_settings_are_reported_with_their_line(office: Office) -> None:
    """This one is our own supervisor, which reads the settings before it starts anybody."""
    (office.folder / "quarterdeck.toml").write_text("[workers]\ncuont = 3\n")
    with pytest.raises(QuarterdeckError) as failed:
        lifecycle.start(office.folder)
    assert failed.value.code == "schema"
    assert "line 2" in failed.value.message


def test_logs_of_all_roles_come_as_one_stream(office: Office) -> None:
    office.open(commands={"worker": "dies"}, patience={"first_s": 0.01})
    until(lambda: "failing" in str(office.children()["worker-1"]["state"]))
    lines = list(lifecycle.follow_logs(office.folder, follow=False))
    assert {"supervisor", "worker"} <= {line.role for line in lines}
    ours = [line.at for line in lines if line.role == "supervisor"]
    assert ours == sorted(ours)
    only = list(lifecycle.follow_logs(office.folder, follow=False, roles=["worker"], level="error"))
    assert {(line.role, line.message) for line in only} == {("worker", "the log could not be opened")}


def test_followed_logs_show_what_is_added(office: Office) -> None:
    office.open()
    stream = lifecycle.follow_logs(office.folder, roles=["supervisor"], level="warning")
    office.ask("stop.engage", reason="a reason to log")
    assert next(line for line in stream if line.message == "stopped").fields["reason"] == "a reason to log"
