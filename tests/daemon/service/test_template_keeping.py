"""A mail becomes a template: what was put in is a field again, what the operator wrote stays, and filled in it is the same mail."""

from __future__ import annotations

import time

import pytest

from quarterdeck_daemon.agents.rendering import Sourced, render
from quarterdeck_daemon.agents.template import template_for
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.service.template_keeping import Kept, template_of
from quarterdeck_protocol.codes import QuarterdeckError

DRAFT = "Hello {{ lead.person }},\n\nyou need {{ lead.need }}.\n\n{{ operator.name }}"


def values(person: str = "Ines", need: str = "a website") -> Plain:
    return {
        "lead": {"person": Sourced(person, "document:doc1"), "need": Sourced(need, "document:doc1")},
        "operator": {"name": Sourced("Sam", "workspace")},
        "mail": {"subject": Sourced("Our website", "document:doc1")},
    }


def made(given: Plain) -> Plain:
    found = render(DRAFT, given, name="t")
    return {"body": found.text + "\n", "inserted": found.inserted, "language": "en"}


def kept(body: str, subject: str = "Re: Our website", given: Plain | None = None) -> Kept:
    given = given or values()
    return template_of({"body": body, "subject": subject}, given, made(given), "Kept from a1")


def filled(text: str, given: Plain) -> str:
    return render(template_for({"text": text, "name": "x"}, "").body, given, name="x").text


def test_what_was_put_in_becomes_its_field_and_the_next_lead_gets_a_mail_of_their_own() -> None:
    found = kept("Good day Ines,\n\nyou need a website. We can do that.\n\nSam")
    assert [one["field"] for one in found.turned] == ["lead.person", "lead.need", "operator.name"]
    assert 'subject = "Re: {{ mail.subject }}"' in found.text
    assert filled(found.text, values("Max", "a shop")) == "Good day Max,\n\nyou need a shop. We can do that.\n\nSam"


def test_a_word_that_the_operator_typed_is_no_field_though_it_reads_the_same() -> None:
    found = kept("Hello Ines,\n\nyou need a website.\n\nSam\n\nPS: Ines, call me.")
    assert found.text.count("{{ lead.person }}") == 1
    assert "PS: Ines, call me." in found.text


def test_what_no_field_gives_stays_and_is_told_with_its_source() -> None:
    given = values()
    draft = made(given)
    listed = draft["inserted"]
    assert isinstance(listed, list)
    draft["inserted"] = [{**listed[0], "source": "memory:m9"}, *listed[1:]]
    found = template_of({"body": str(draft["body"]), "subject": "s"}, given, draft, "p")
    assert found.left == ({"value": "Ines", "source": "memory:m9"},)
    assert "Hello Ines," in found.text


@pytest.mark.parametrize(
    "written", ["{{ lead.need }}", "{% if x %}", "{# no #}", "{{{ a }}}", "ends with {", '"quoted"']
)
def test_what_looks_like_a_field_in_the_mail_is_text(written: str) -> None:
    body = f"Hello Ines,\n\n{written}\n\nSam"
    assert filled(kept(body, subject=written).text, values()) == body


def test_a_brace_right_before_a_field_stays_a_brace() -> None:
    given = values()
    draft: Plain = {
        "body": "{Ines}",
        "inserted": [{"value": "Ines", "source": "document:doc1", "span_in_body": (1, 5)}],
    }
    found = template_of({"body": "{Ines}", "subject": ""}, given, draft, "p")
    assert found.turned == ({"value": "Ines", "field": "lead.person"},)
    assert filled(found.text, given) == "{Ines}"


def test_a_mail_without_a_draft_is_kept_word_for_word() -> None:
    found = template_of({"body": "As it is.", "subject": "s"}, {}, {}, "p")
    assert (found.turned, filled(found.text, {})) == ((), "As it is.")


def test_what_would_not_come_out_the_same_is_refused() -> None:
    """A sign that templates use for themselves is lost when it is filled in."""
    with pytest.raises(QuarterdeckError) as refused:
        template_of({"body": "a\ue002b", "subject": "s"}, {}, {}, "p")
    assert refused.value.code == "bad_value"


def test_a_long_text_of_two_words_takes_no_time() -> None:
    """Compared word by word with all others it took 27 s of a processor; now what is too long to compare stays as text."""
    old, new = ("aa bb " * 3_300)[:19_990], ("bb aa aa " * 2_200)[:19_990]
    draft: Plain = {"body": old, "inserted": [{"value": "aa", "source": "document:doc1", "span_in_body": (0, 2)}]}
    began = time.process_time()
    found = template_of({"body": new, "subject": "s"}, values("aa"), draft, "p")
    assert time.process_time() - began < 2
    assert found.turned == ()
