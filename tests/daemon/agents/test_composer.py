"""Templates: values keep their source, the sandbox holds, mistakes are told."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.core.entities import Plain

from .reading import WORKSPACE, step

LEAD: Plain = {
    "person": "Ana Ruiz",
    "first_name": "Ana",
    "need": "a new site, see https://bad.example/x or mail evil@bad.example\n\nBcc: x",
    "company": "Nube\u202e S.L.",
    "language": "es",
    "amount_text": "",
}


def compose(body: str, context: Plain | None = None, front: str = 'subject = "Hello"', **lead: object) -> Plain:
    text = f"+++\n{front}\n+++\n{body}"
    template = {"id": "asset:template/t", "name": "t", "text": text, "hash": "h1"}
    seen: Plain = {"template": template, "workspace": WORKSPACE, **(context or {})}
    return step("composer", {"lead": {**LEAD, **lead}}, seen).output


def failure(body: str) -> str:
    with pytest.raises(AgentFailure) as caught:
        compose(body)
    return caught.value.failure.code


def test_every_inserted_value_is_found_at_its_span_with_its_source() -> None:
    fact: Plain = {"id": "policy/days", "key": "days", "value": {"text": "Monday\nand Tuesday"}, "version": 1}
    output = compose(
        "\n\nDear {{ lead.first_name }},\nwe can {{ days.text }}. {{ lead.company | upper }}", {"days": fact}
    )
    body, inserted = str(output["body"]), output["inserted"]
    assert body == "Dear Ana,\nwe can Monday\nand Tuesday. NUBE S.L.\n"
    assert isinstance(inserted, list)
    assert [(item["value"], item["source"], body[slice(*item["span_in_body"])]) for item in inserted] == [
        ("Ana", "input:lead", "Ana"),
        ("Monday\nand Tuesday", "fact:policy/days", "Monday\nand Tuesday"),
        ("NUBE S.L.", "template", "NUBE S.L."),
    ]
    assert output["template"] == {"id": "asset:template/t", "name": "t", "hash": "h1"}


def test_text_from_outside_becomes_one_line_without_addresses() -> None:
    assert compose("{{ lead.need }}|{{ lead.company }}")["body"] == "a new site, see or mail Bcc: x|Nube S.L.\n"


def test_captured_and_repeated_blocks_leave_no_marks() -> None:
    output = compose("{% set who %}({{ lead.first_name }}){% endset %}{{ who }} {{ who }}")
    assert output["body"] == "(Ana) (Ana)\n"


def test_the_variant_in_the_leads_language_is_used() -> None:
    variant = {"text": '+++\nsubject = "Hola"\n+++\nHola {{ lead.first_name }}', "id": "asset:template/t.es"}
    template: Plain = {"id": "asset:template/t", "name": "t", "text": "Hello", "variants": {"es": variant}}
    output = step("composer", {"lead": LEAD}, {"template": template}).output
    assert (output["subject"], output["body"], output["language"]) == ("Hola", "Hola Ana\n", "es")


@pytest.mark.parametrize(
    "body",
    [
        "{{ lead.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ lead.first_name.origin.__globals__ }}",
        "{{ (lambda: 1)() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}{{ os }}",
        "{{ self.__init__.__globals__ }}",
        "{{ lead.update({'first_name': 'x'}) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '%s' | format(lead.__class__) }}",
        "{{ lead | attr('__class__') }}",
    ],
)
def test_the_sandbox_holds(body: str) -> None:
    assert failure(body).startswith("template_")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{{ lead.nickname }}", "template_failed"),
        ("{{ nobody.name }}", "template_failed"),
        ("{{ none }}", "template_failed"),
        ("{% if %}", "template_failed"),
        ("{{ 1 / 0 }}", "template_failed"),
        ("{% for n in range(100000) %}x{% endfor %}", "template_failed"),
        ("{% for n in range(1000) %}{{ lead.person * 20 }}{% endfor %}", "template_output"),
        ("x" * 70_000, "template_too_long"),
    ],
)
def test_a_template_that_cannot_be_filled_says_why(body: str, code: str) -> None:
    assert failure(body) == code


def test_what_may_be_missing_can_be_asked_for() -> None:
    body = "{% if client %}x{% endif %}{% if lead.amount_text %}y{% endif %}{{ operator.name or workspace.name }}"
    assert compose(body)["body"] == "Mara Lindqvist\n"


def test_broken_front_matter_is_told() -> None:
    with pytest.raises(AgentFailure) as caught:
        compose("x", front="subject = ")
    assert caught.value.failure.code == "template_front_matter"
