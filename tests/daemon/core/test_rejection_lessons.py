"""A reason becomes a lesson: it lies in the agent's next context, can be taken back, and ends when it should."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import LessonDraft, WithdrawMemories
from quarterdeck_daemon.core.entities import Memory
from quarterdeck_daemon.core.lessons import lessons_for
from quarterdeck_protocol.codes import QuarterdeckError

from .approval_desk import DAY, Desk

TEXT = "No discount on renewals."


def taught(desk: Desk, lesson: LessonDraft, decision: str = "reject") -> Memory:
    (item,) = desk.decided(desk.propose(), decision=decision, reason=TEXT, lesson=lesson)
    memory = desk.store.get(Memory, str(item["lesson"]))
    assert memory is not None
    return memory


def learned(desk: Desk, agent: str) -> list[str]:
    return [one.text for one in lessons_for(desk.store, agent, desk.now_us) if isinstance(one, Memory)]


def test_the_agent_that_proposed_it_learns_and_no_other() -> None:
    desk = Desk()
    memory = taught(desk, LessonDraft(text=TEXT))
    assert memory.tags == ("agent:x", "verb:mail.send", "from:a1")
    assert (memory.title, memory.labels.integrity) == (f"About mail.send: {TEXT}", "operator")
    assert (learned(desk, "x"), learned(desk, "other")) == ([TEXT], [])


def test_a_lesson_can_be_for_all_or_about_one_recipient() -> None:
    desk = Desk()
    taught(desk, LessonDraft(text=TEXT, everybody=True))
    assert learned(desk, "other") == [TEXT]
    memory = taught(desk, LessonDraft(text="Ana gets no mail.", to="ana@x.test"))
    assert memory.title == "About mail.send to ana@x.test: Ana gets no mail."
    assert "to:ana@x.test" in memory.tags


def test_it_is_taken_back_like_any_memory() -> None:
    desk = Desk()
    memory = taught(desk, LessonDraft(text=TEXT))
    desk.do(WithdrawMemories(ids=(memory.id,)))
    assert learned(desk, "x") == []


def test_it_ends_when_it_should() -> None:
    desk = Desk()
    assert (
        taught(desk, LessonDraft(text=TEXT, expires_us=desk.now_us + 90 * DAY)).expires_us == desk.now_us + 90 * DAY
    )


def test_an_approval_can_teach_as_well() -> None:
    desk = Desk()
    taught(desk, LessonDraft(text="So is it right."), decision="approve")
    assert learned(desk, "x") == ["So is it right."]


@pytest.mark.parametrize("text", ["", "   ", "x" * 2_001])
def test_what_is_no_lesson_rejects_nothing(text: str) -> None:
    desk = Desk()
    id = desk.propose()
    with pytest.raises(QuarterdeckError):
        desk.decided(id, decision="reject", reason="r", lesson=LessonDraft(text=text))
    assert desk.action(id).status == "proposed"
