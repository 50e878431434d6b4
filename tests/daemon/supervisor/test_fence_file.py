"""The fence file: written over in one block, and whatever is half written counts as stopped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quarterdeck_daemon.service.fence import BLOCK_BYTES, Fence, read_fence, write_fence


def fence(epoch: int, *, stopped: bool, reason: str = "why") -> Fence:
    return Fence(epoch=epoch, stopped=stopped, reason=reason, by="mara", at_us=1)


def test_it_reads_back_as_it_was_written_first_and_again(tmp_path: Path) -> None:
    path = tmp_path / "fence"
    for one in (fence(1, stopped=True), fence(2, stopped=False, reason=""), fence(3, stopped=True, reason="ü" * 500)):
        write_fence(path, one)
        assert read_fence(path) == one


def test_the_second_time_it_is_written_in_place(tmp_path: Path) -> None:
    """No new file and no change of the folder: one block, one sync, also on a full disk."""
    path = tmp_path / "fence"
    write_fence(path, fence(1, stopped=True))
    before = (path.stat().st_ino, tmp_path.stat().st_mtime_ns)
    write_fence(path, fence(2, stopped=False))
    assert ((path.stat().st_ino, tmp_path.stat().st_mtime_ns), path.stat().st_size) == (before, BLOCK_BYTES)


@pytest.mark.parametrize("old", ['{"epoch": 4, "stopped": false}', "", "x" * BLOCK_BYTES])
def test_what_is_no_block_of_ours_is_replaced_or_written_over(tmp_path: Path, old: str) -> None:
    path = tmp_path / "fence"
    path.write_text(old)
    write_fence(path, fence(5, stopped=True))
    assert read_fence(path) == fence(5, stopped=True)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"x" * BLOCK_BYTES)
    (tmp_path / "fence").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        write_fence(tmp_path / "fence", fence(1, stopped=True))
    assert target.read_bytes() == b"x" * BLOCK_BYTES


@pytest.mark.parametrize("sectors", range(1, 8))
def test_a_power_cut_in_the_middle_of_the_block_never_opens_it(tmp_path: Path, sectors: int) -> None:
    """The first sectors are new, the rest is still old: a stop reads as stopped, whatever its reason's length."""
    path, new = tmp_path / "fence", tmp_path / "new"
    write_fence(path, fence(4, stopped=False, reason="o" * 500))
    write_fence(new, fence(5, stopped=True, reason="n" * 500))
    torn = new.read_bytes()[: 512 * sectors] + path.read_bytes()[512 * sectors :]
    path.write_bytes(torn)
    assert read_fence(path).stopped


def test_twin_a_fence_whose_flag_came_last_would_open(tmp_path: Path) -> None:
    """Were `stopped` written behind the reason, the same cut would leave it open."""
    path = tmp_path / "fence"
    text = '{"epoch": 5, "reason": "' + "n" * 600 + '", "stopped": '
    new, old = (text + "true}").ljust(BLOCK_BYTES), (text + "false}").ljust(BLOCK_BYTES)
    path.write_bytes(new.encode()[:512] + old.encode()[512:])
    assert not read_fence(path).stopped
    assert os.path.getsize(path) == BLOCK_BYTES
