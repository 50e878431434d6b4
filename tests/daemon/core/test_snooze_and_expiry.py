"""What is put away comes back, by time or by what happens; what nobody decides is not done, and is warned about before."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import DocumentAnswered, ReceiveDocument
from quarterdeck_daemon.core.entities import Alert, Run
from quarterdeck_daemon.core.orders import Parsed
from quarterdeck_protocol.labels import EXTERNAL

from .approval_desk import DAY, EXPIRES, HOUR, Desk


def test_it_comes_back_at_its_time_and_says_so() -> None:
    desk = Desk()
    id = desk.propose()
    assert desk.error(id, decision="snooze", until_us=desk.now_us + 2 * HOUR) == ""
    assert desk.waiting() == []
    desk.pass_time(2 * HOUR)
    assert [one.id for one in desk.waiting()] == [id]
    assert desk.kinds()[-1] == "approval.back"


def test_it_is_not_put_away_past_its_expiry() -> None:
    desk = Desk()
    id = desk.propose()
    assert desk.error(id, decision="snooze", until_us=desk.now_us + EXPIRES) == "out_of_range"


def test_it_comes_back_when_a_fact_changes_and_not_when_another_does() -> None:
    desk = Desk()
    id = desk.propose()
    assert desk.error(id, decision="snooze", until_event="fact:client/acme") == ""
    desk.put("client", "other", name="Other")
    assert desk.waiting() == []
    desk.put("client", "acme", name="Acme")
    assert [one.id for one in desk.waiting()] == [id]


def test_it_comes_back_when_a_run_ends() -> None:
    desk = Desk()
    id, other = desk.propose(), desk.propose("bo@x.test")
    run = desk.action(other).run
    assert desk.error(id, decision="snooze", until_event=f"run:{run}") == ""
    desk.decided(other, decision="reject", reason="no")
    ended = desk.store.get(Run, run)
    assert ended is not None
    assert not ended.live
    assert [one.id for one in desk.waiting()] == [id]


def receive(desk: Desk, sender: str) -> None:
    command = ReceiveDocument(
        connector="mail", external_id=sender, media_type="message/rfc822", name=sender, blob=sender, size_bytes=1,
        labels=EXTERNAL,
    )  # fmt: skip
    id = str(desk.do(command, actor="connector:mail")["id"])
    parsed = Parsed(title="t", text="Hi", meta={"from_address": sender}, chunks=())
    desk.do(DocumentAnswered(document=id, outcome=parsed))


def test_it_comes_back_when_its_recipient_writes() -> None:
    desk = Desk()
    id = desk.propose("ana@x.test")
    assert desk.error(id, decision="snooze", until_event="reply") == ""
    receive(desk, "bo@x.test")
    assert desk.waiting() == []
    receive(desk, "Ana@x.test")
    assert [one.id for one in desk.waiting()] == [id]


def test_what_never_happens_brings_it_back_before_it_expires() -> None:
    desk = Desk(warn_percent=0)
    id = desk.propose()
    desk.decided(id, decision="snooze", until_event="reply")
    desk.pass_time(EXPIRES * 9 // 10)
    assert [one.id for one in desk.waiting()] == [id]


@pytest.mark.parametrize("name", ["", "tomorrow", "run:r99", "run:", "fact:acme", "mail"])
def test_what_cannot_happen_puts_nothing_away(name: str) -> None:
    desk = Desk()
    id = desk.propose()
    assert desk.error(id, decision="snooze", until_event=name) == "bad_value"
    assert [one.id for one in desk.waiting()] == [id]


def test_it_is_warned_about_once_and_then_not_done() -> None:
    desk = Desk()
    first, second = desk.propose(), desk.propose("bo@x.test")
    desk.decided(first, decision="snooze", until_us=desk.now_us + EXPIRES - 1)
    desk.pass_time(EXPIRES * 3 // 4)
    assert [one.id for one in desk.waiting()] == sorted((first, second), key=lambda id: desk.action(id).shown_hash)
    (alert,) = desk.store.live(Alert)
    assert (alert.topic, alert.level) == ("approval.expiring", "warning")
    desk.decided(first)
    assert list(desk.store.live(Alert)) == [alert]
    desk.pass_time(EXPIRES // 4 + DAY)
    assert desk.action(second).status == "expired"
    assert list(desk.store.live(Alert)) == []


def test_without_a_share_nobody_is_warned() -> None:
    desk = Desk(warn_percent=0)
    id = desk.propose()
    desk.pass_time(EXPIRES)
    assert desk.action(id).status == "expired"
    assert "approval.warned" not in desk.kinds()
