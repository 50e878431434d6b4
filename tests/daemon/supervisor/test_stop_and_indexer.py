"""A stop ends the indexer when it may be sending texts to an embedder outside; words are searched meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck_daemon.service import lifecycle
from quarterdeck_daemon.service.supervisor import embeds_outside
from quarterdeck_daemon.service.workspace import CONFIG_NAME

from .office import Office, is_gone, until

OUTSIDE = '[embedder]\nname = "endpoint"\n[embedder.endpoint]\nurl = "https://api.embed.test/v1"\nmodel = "m"\ndimension = 8\n'
LEFT_OVER = OUTSIDE.replace('name = "endpoint"', 'name = "static"')
HERE = OUTSIDE.replace("https://api.embed.test", "http://127.0.0.1:9")


def settings(office: Office, text: str) -> None:
    (office.folder / CONFIG_NAME).write_text(text, "utf-8")


@pytest.mark.parametrize("text", [OUTSIDE, LEFT_OVER], ids=["in use", "left over"])
def test_a_stop_ends_the_indexer_that_may_ask_outside_and_it_comes_back_behind_the_fence(
    office: Office, text: str
) -> None:
    settings(office, text)
    office.open()
    until(lambda: office.pid("indexer"))
    before = office.pid("indexer")
    answer = office.ask("stop.engage", reason="enough")
    assert before in list(answer["killed"])  # type: ignore[call-overload]  # A list of process ids.
    assert is_gone(before)
    until(lambda: office.pid("indexer") not in (0, before))
    assert office.fence()["stopped"] is True


@pytest.mark.parametrize("text", ["", HERE], ids=["static", "on this machine"])
def test_the_twin_an_indexer_that_asks_nobody_outside_goes_on(office: Office, text: str) -> None:
    settings(office, text)
    office.open()
    until(lambda: office.pid("indexer"))
    before = office.pid("indexer")
    answer = office.ask("stop.engage", reason="enough")
    assert before not in list(answer["killed"])  # type: ignore[call-overload]  # A list of process ids.
    assert office.pid("indexer") == before


def test_what_it_started_with_counts_though_the_settings_have_changed_since(office: Office) -> None:
    settings(office, OUTSIDE)
    office.open()
    until(lambda: office.pid("indexer"))
    before = office.pid("indexer")
    settings(office, "")
    answer = office.ask("stop.engage", reason="enough")
    assert before in list(answer["killed"])  # type: ignore[call-overload]  # A list of process ids.
    assert is_gone(before)


def test_without_a_fence_on_disk_it_stays_down(office: Office) -> None:
    """Its successor would read "open" and send."""
    settings(office, OUTSIDE)
    office.open()
    until(lambda: office.pid("indexer"))
    office.places.fence.unlink(missing_ok=True)
    office.places.fence.mkdir()  # No file can take its place.
    assert "warning" in office.ask("stop.engage", reason="enough")
    assert office.pid("indexer") == 0
    office.places.fence.rmdir()
    until(lambda: office.pid("indexer"))
    assert office.fence()["stopped"] is True


def test_settings_that_cannot_be_read_may_name_any_embedder(tmp_path: Path) -> None:
    path = tmp_path / CONFIG_NAME
    assert embeds_outside(tmp_path) is False
    for text, outside in ((OUTSIDE, True), (LEFT_OVER, True), (HERE, False), ("", False), ("nonsense = [", True)):
        path.write_text(text, "utf-8")
        assert embeds_outside(tmp_path) is outside, text
    assert lifecycle.is_running(tmp_path) is None
