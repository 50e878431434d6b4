"""Stop means stop: no effect starts after the answer, whatever state the rest is in."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from quarterdeck_daemon.service import lifecycle
from quarterdeck_daemon.service.fence import Fence, read_fence
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile

from .office import Office, ask, until

SENDING = {"effector": "sender"}


def sent(office: Office) -> int:
    path = office.folder / "sent"
    return len(path.read_bytes()) if path.exists() else 0


def successor_has_looked(office: Office, before: int) -> bool:
    """The effector after the stop is up and has read the fence."""
    pid = office.pid("effector")
    note = office.folder / f"looked-{pid}"
    return pid not in (0, before) and note.exists() and note.read_text() == "yes"


def test_no_effect_starts_after_the_stop_is_answered(office: Office) -> None:
    office.open(commands=SENDING)
    until(lambda: sent(office) > 0)
    before = office.pid("effector")
    answer = office.ask("stop.engage", reason="enough", by="mara")
    already = sent(office)
    fence = read_fence(office.places.fence)
    assert fence == Fence(epoch=1, stopped=True, reason="enough", by="mara", at_us=fence.at_us)
    assert answer == {"epoch": 1, "stopped": True, "at_us": fence.at_us, "killed": [before]}
    until(lambda: successor_has_looked(office, before))
    assert sent(office) == already


def test_twin_with_the_stop_in_memory_only_the_next_effector_sends_on(office: Office) -> None:
    office.open(commands=SENDING, without=["fence_file"])
    until(lambda: sent(office) > 0)
    office.ask("stop.engage", reason="enough")
    already = sent(office)
    until(lambda: sent(office) > already)


def make_busy(office: Office, connection: ConnectionFile) -> None:
    with pytest.raises(QuarterdeckError):
        ask(connection, connection.rpc, "test.busy", wait_ms=200)


def make_stopped(office: Office, connection: ConnectionFile) -> None:
    os.kill(connection.pid, signal.SIGSTOP)


@pytest.mark.parametrize("hang", [make_busy, make_stopped])
def test_stop_does_not_need_the_daemon(office: Office, hang: object) -> None:
    """The twin stands inside: the same daemon asked directly gives no answer at all."""
    assert callable(hang)
    connection = office.open(commands=SENDING)
    until(lambda: sent(office) > 0)
    hang(office, connection)
    with pytest.raises(QuarterdeckError) as silent:
        ask(connection, connection.rpc, "system.hello", wait_ms=300)
    assert silent.value.code == "deadline"
    assert office.ask("stop.engage", reason="it hangs")["epoch"] == 1
    assert read_fence(office.places.fence).stopped


def test_engaging_twice_gives_the_same_epoch_and_release_the_next(office: Office) -> None:
    office.open()
    first = office.ask("stop.engage", reason="one")
    second = office.ask("stop.engage", reason="two")
    assert (second["epoch"], second["at_us"]) == (first["epoch"], first["at_us"])
    assert read_fence(office.places.fence).reason == "one"
    released = office.ask("stop.release", reason="fine")
    assert (released["epoch"], released["changed"]) == (2, True)
    again = office.ask("stop.release", reason="fine")
    assert (again["epoch"], again["changed"]) == (2, False)
    assert not read_fence(office.places.fence).stopped


def test_with_kill_the_workers_go_too_and_are_replaced(office: Office) -> None:
    office.open(workers=2)
    doomed = [office.pid(name) for name in ("effector", "worker-1", "worker-2")]
    daemon = office.pid("daemon")
    assert office.ask("stop.engage", reason="all", kill=True)["killed"] == doomed
    until(lambda: all(office.pid(name) not in (0, *doomed) for name in ("effector", "worker-1", "worker-2")))
    assert office.pid("daemon") == daemon


def test_the_stop_survives_a_restart(office: Office) -> None:
    office.open(commands=SENDING)
    office.ask("stop.engage", reason="for the night")
    lifecycle.stop_all(office.folder)
    already = sent(office)
    office.open(commands=SENDING)
    until(lambda: successor_has_looked(office, 0))
    assert office.fence()["stopped"] is True
    assert sent(office) == already


def test_the_stop_survives_a_killed_supervisor(office: Office) -> None:
    office.open()
    office.ask("stop.engage", reason="for the night")
    os.kill(office.supervisor(), signal.SIGKILL)
    until(lambda: lifecycle.is_running(office.folder) is None)
    office.open()
    assert (office.fence()["stopped"], office.fence()["epoch"]) == (True, 1)


def test_twin_a_lost_fence_file_forgets_the_stop(office: Office) -> None:
    office.open()
    office.ask("stop.engage", reason="for the night")
    lifecycle.stop_all(office.folder)
    office.places.fence.unlink()
    office.open()
    assert office.fence()["stopped"] is False


def test_an_unreadable_fence_counts_as_stopped_and_never_reuses_an_epoch(office: Office) -> None:
    """How far we had counted is lost, so the next epoch lies beyond every possible count."""
    office.places.home.mkdir(mode=0o700)
    office.places.fence.write_bytes(b"\x00torn")
    office.open()
    assert office.fence()["stopped"] is True
    epoch = office.ask("stop.release", reason="looked into it")["epoch"]
    assert isinstance(epoch, int)
    assert epoch > 1_000_000_000


def test_a_plain_file_stops_and_release_removes_it(office: Office) -> None:
    office.open()
    office.places.stop_flag.touch()
    until(lambda: office.fence()["stopped"])
    assert office.fence()["reason"] == "STOP file"
    office.ask("stop.release", reason="fine")
    assert not office.places.stop_flag.exists()
    assert office.fence()["stopped"] is False


def test_a_flag_that_cannot_be_removed_keeps_it_stopped(office: Office) -> None:
    office.open()
    (office.places.stop_flag / "inner").mkdir(parents=True)
    until(lambda: office.fence()["stopped"])
    with pytest.raises(QuarterdeckError) as refused:
        office.ask("stop.release", reason="fine")
    assert refused.value.code == "conflict"
    assert office.fence()["stopped"] is True


def test_a_stop_that_cannot_reach_the_disk_keeps_the_effector_down(office: Office) -> None:
    """A folder where the new fence should be written stands for a full or broken disk."""
    office.open(commands=SENDING)
    until(lambda: sent(office) > 0)
    blocker = office.places.fence.with_name("fence.new")
    blocker.mkdir()
    answer = office.ask("stop.engage", reason="now")
    already = sent(office)
    assert "warning" in answer
    assert (office.pid("effector"), office.ask("supervisor.status")["fence_saved"]) == (0, False)
    blocker.rmdir()
    until(lambda: successor_has_looked(office, 0))
    assert read_fence(office.places.fence).stopped
    assert sent(office) == already


def test_many_stops_and_releases_at_once_end_in_one_order(office: Office) -> None:
    """Ten callers each stop and release; every change has its own epoch and the file agrees with the answer."""
    office.open()

    def toggle() -> None:
        office.ask("stop.engage", reason="a")
        office.ask("stop.release", reason="b")

    threads = [threading.Thread(target=toggle) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_fence(office.places.fence).epoch == office.fence()["epoch"]
    assert read_fence(office.places.fence).stopped is False
