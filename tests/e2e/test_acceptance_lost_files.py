"""Files that vanish or spoil under a workspace: said plainly, mended where that is possible, nobody left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from quarterdeck_daemon.service import lifecycle
from quarterdeck_daemon.service.run_folder import take_lock
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import read_connection

from .quarters import Quarters, running, small_house, until


def answers(quarters: Quarters) -> bool:
    try:
        with quarters.client(timeout_ms=1_000) as client:
            client.call("system.hello")
            return True
    except QuarterdeckError:
        return False


def connection(quarters: Quarters) -> Path:
    return quarters.folder / ".quarterdeck" / "run" / "daemon.json"


@pytest.fixture
def quarters(tmp_path: Path) -> Iterator[Quarters]:
    with running(small_house(tmp_path)) as found:
        yield found


def test_a_removed_connection_file_is_written_again(quarters: Quarters) -> None:
    before = read_connection(connection(quarters))
    connection(quarters).unlink()
    assert until(lambda: answers(quarters), 10)
    assert read_connection(connection(quarters)) == before


def test_a_removed_socket_is_bound_again_by_a_fresh_daemon(quarters: Quarters) -> None:
    before = read_connection(connection(quarters))
    Path(before.rpc.removeprefix("ipc://")).unlink()
    assert until(lambda: answers(quarters), 20)
    after = read_connection(connection(quarters))
    assert (after.rpc, after.supervisor) == (before.rpc, before.supervisor)
    assert after.pid != before.pid


def gone(processes: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_a_removed_workspace_leaves_no_process_behind(tmp_path: Path) -> None:
    """Else they would try for ever, and come between the next workspace of that name and its log."""
    quarters = Quarters(small_house(tmp_path))
    quarters.start()
    processes = quarters.processes()
    assert len(processes) >= 4
    shutil.rmtree(quarters.folder)
    assert until(gone(processes), 15)
    assert not quarters.folder.exists()


def test_a_moved_workspace_starts_where_it_is_now(tmp_path: Path) -> None:
    quarters = Quarters(small_house(tmp_path))
    quarters.start()
    processes = quarters.processes()
    moved = quarters.folder.rename(tmp_path / "moved")
    assert until(gone(processes), 15)
    with running(moved) as found:
        assert answers(found)


@pytest.mark.parametrize("lost", ["chain.key", "anchor"])
def test_a_start_that_is_refused_says_why_at_once_and_leaves_nothing_running(tmp_path: Path, lost: str) -> None:
    """The message and the next step reach the operator, not a traceback, and nothing keeps on trying."""
    folder = small_house(tmp_path)
    with running(folder) as found, found.client() as client:
        client.call("memory.remember", {"text": "something worth protecting"})
    (folder / ".quarterdeck" / lost).unlink()
    with pytest.raises(QuarterdeckError) as refused:
        lifecycle.start(folder)
    assert lost in refused.value.message
    assert "Traceback" not in refused.value.message
    assert refused.value.hint
    assert lifecycle.is_running(folder) is None


def test_twin_by_its_flock_alone_a_supervisor_would_not_notice_a_second_one(tmp_path: Path) -> None:
    """The damage that `stands_at` prevents: after a removal two hold "the" lock, each on a file of its own."""
    path = tmp_path / "lock"
    first = take_lock(path)
    path.unlink()
    second = take_lock(path)
    assert (first.stands_at(path), second.stands_at(path)) == (False, True)
    first.release()
    second.release()


def test_a_state_folder_that_cannot_be_written_is_named_without_a_traceback(tmp_path: Path) -> None:
    """As on a full or read-only disk; here something else lies where the lock would be."""
    folder = small_house(tmp_path)
    (folder / ".quarterdeck" / "run" / "lock").mkdir(parents=True)
    with pytest.raises(QuarterdeckError) as refused:
        lifecycle.start(folder)
    assert f"{folder}/.quarterdeck cannot be written" in refused.value.message
    assert "Traceback" not in refused.value.message
