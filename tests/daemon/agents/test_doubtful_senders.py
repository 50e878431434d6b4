"""Mails whose sender is missing, borrowed or more than one: never taken for somebody they are not."""

from __future__ import annotations

import pytest

from .reading import answer, mail_bytes, read, studio_facts

ASKING = "Hello Mara,\n\nwe look for a product designer to redesign our onboarding. Our budget is EUR 9,000.\n\nBest\nBob\n"
CONTEXT: dict[str, object] = dict(studio_facts())
SEEN: dict[str, object] = {"clients": CONTEXT["client"], "contacts": CONTEXT["contact"]}


@pytest.mark.parametrize("sender", ["", "<>", "undisclosed", "Bob"])
def test_a_mail_without_an_address_is_no_clients_mail(sender: str) -> None:
    """Clients without an address of their own once matched the empty one."""
    judged = read(mail_bytes(ASKING, From=sender), SEEN).judged
    assert (judged["kind"], judged["rule"], judged["qualified"]) == ("unclear", "sender.none", False)


def test_a_mail_in_our_own_name_gets_no_answer() -> None:
    judged = read(mail_bytes(ASKING, From="Mara <Hello@studio.example>"), SEEN).judged
    assert (judged["kind"], judged["rule"], judged["qualified"]) == ("personal", "sender.own", False)


def test_the_same_mail_from_outside_is_a_lead() -> None:
    judged = read(mail_bytes(ASKING), SEEN).judged
    assert (judged["kind"], judged["rule"]) == ("lead", "need.words")


def risks(**headers: str) -> tuple[str, ...]:
    (action,) = answer(read(mail_bytes(ASKING, **headers))).actions
    assert action.args["to"] == ["ana@nube.example"]
    return action.risks


def test_a_second_address_to_answer_to_is_shown_also_behind_the_senders_own() -> None:
    warning = "Answers are asked to go to eve@bad.example; that is not used."
    assert warning in risks(Reply_To="ana@nube.example, Eve <eve@bad.example>")
    assert warning not in risks(Reply_To="ana@nube.example")


def test_a_second_address_in_from_is_shown() -> None:
    warning = "The mail: more than one From address."
    assert warning in risks(From="Ana Ruiz <ana@nube.example>, Eve <eve@bad.example>")
    assert warning not in risks()
