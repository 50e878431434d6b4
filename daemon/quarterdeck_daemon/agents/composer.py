"""Composer: fills the operator's template in the lead's language, or writes a plain letter to somebody we know.

The mail chooses words to insert into a template, nothing else.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import RunStep, StepDone

from . import rendering
from .contract import Agent, plain_map
from .letters import write_letter
from .outside_text import one_line, without_addresses
from .rendering import Rendered, render
from .seen import Fact, Mail, Piece, facts_of, input_map, is_context, pieces_of, typed
from .template import Template, template_for

SUBJECT_CHARS_MAX = 200
NEED_CHARS_MAX = 160
CONSIDERED_MAX = 12
CONSIDERED_CHARS_MAX = 240
_REPLY = re.compile(r"^(?:(?:re|aw|sv|fwd?|wg|antw|tr|rv)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)


def run(step: RunStep) -> StepDone:
    return write_letter(step) if step.input.get("to") else _fill_in(step)


def _fill_in(step: RunStep) -> StepDone:
    lead = input_map(step, "lead")
    wanted = str(step.input.get("language") or lead.get("language") or "")
    template = template_for(step.context.get("template"), wanted)
    values = template_values(step, lead)
    body = render(template.body, values, name=template.name)
    subject = one_line(render(template.subject, values, name=template.name).text, SUBJECT_CHARS_MAX)
    return StepDone(output=_output(template, wanted, subject, body) | {"considered": _considered(step)})


def _considered(step: RunStep) -> list[Plain]:
    """What was at hand beside the facts: lessons, and what was recalled. For whoever judges the draft."""
    lessons = pieces_of(step, "lessons", "instructions")
    recalled = [*pieces_of(step, "recalled"), *_own_recall(step)]
    return [
        {
            "part": one.part,
            "id": one.id,
            "title": one_line(one.title, 80),
            "text": one_line(one.text, CONSIDERED_CHARS_MAX),
        }
        for one in (*lessons, *recalled)[:CONSIDERED_MAX]
    ]


def _own_recall(step: RunStep) -> list[Piece]:
    """Hits of the step's own `recall` reads."""
    hits = [plain_map(hit) for value in step.context.values() if isinstance(value, list) for hit in value]
    kinds = [hit for hit in hits if "text" in hit and "score" in hit]
    return [
        Piece(part="recalled", id=f"memory:{hit['id']}", text=str(hit["text"]), title=str(hit.get("title", "")))
        for hit in kinds
    ]


def _output(template: Template, wanted: str, subject: str, body: Rendered) -> Plain:
    return {
        "subject": subject,
        "body": body.text + "\n",
        "language": template.language,
        "language_wanted": wanted,
        "inserted": body.inserted,
        "template": template.plain(),
    }


def template_values(step: RunStep, lead: Plain) -> Plain:
    """What a template can use. All names are there, so that `{% if client %}` never fails."""
    mail = typed(step.context["mail"], Mail, "context.mail") if step.context.get("mail") else None
    source = mail.source if mail else "input:lead"
    reads = {name: value for name, value in step.context.items() if name not in ("mail", "template")}
    values: Plain = {name: _read(value) for name, value in reads.items() if not is_context(value)}
    operator, workspace = _house(step)
    values |= {
        "lead": _lead(lead, source),
        "mail": _mail(mail) if mail else {},
        "workspace": workspace,
        "operator": operator,
        "today": rendering.trusted(datetime.fromtimestamp(step.now_us / 1e6, UTC).date().isoformat(), "clock"),
    }
    recalled = [_read(msgspec.structs.asdict(piece)) for piece in pieces_of(step, "recalled")]
    return {"recalled": recalled, "client": _client(step, lead), **values}


def _lead(lead: Plain, source: str) -> Plain:
    cleaned = rendering.outside(lead, source)
    assert isinstance(cleaned, dict), "a map stays one"
    cleaned["email"] = rendering.address(str(lead.get("email") or ""), source)
    need = without_addresses(str(lead.get("need") or ""), NEED_CHARS_MAX)
    return {**cleaned, "need": rendering.Sourced(need, source)}


def _mail(mail: Mail) -> Plain:
    subject = _REPLY.sub("", one_line(mail.meta.subject, SUBJECT_CHARS_MAX))
    shown = {"subject": subject, "date": mail.meta.date, "from_name": mail.meta.from_name}
    cleaned = rendering.outside(shown, mail.source)
    assert isinstance(cleaned, dict), "a map stays one"
    return cleaned


def _house(step: RunStep) -> tuple[Plain, Plain]:
    """(operator, workspace): from the read or input `workspace`; empty maps when nobody told."""
    told = plain_map(step.context.get("workspace")) or input_map(step, "workspace")
    told = plain_map(told.get("value")) or told
    name, _, address = str(told.get("operator", "")).partition("<")
    operator: Plain = {"name": name.strip().strip('"'), "email": address.strip("<> ")}
    given = plain_map(step.context.get("operator"))
    operator |= plain_map(given.get("value")) or given
    return plain_map(rendering.trusted(operator, "workspace")), plain_map(rendering.trusted(told, "workspace"))


def _read(value: object) -> object:
    """A read as a template sees it."""
    if isinstance(value, list):
        return [_read(item) for item in value]
    plain = plain_map(value)
    if "key" in plain and "value" in plain and "/" in str(plain.get("id")):
        fact = typed(plain, Fact, "a fact in the context")
        return rendering.trusted({**fact.value, "key": fact.key}, fact.source)
    if "text" in plain:  # A hit of the recall: its text may be anybody's.
        id = str(plain.get("id", ""))
        return rendering.outside(plain, id if ":" in id else f"memory:{id}")
    return rendering.outside(plain, "context") if plain else None


def _client(step: RunStep, lead: Plain) -> object:
    domain = str(lead.get("email") or "").partition("@")[2]
    for fact in facts_of(step).get("client", []):
        if domain and (fact.text("domain").lower() == domain or str(lead.get("email")) in fact.words("contacts")):
            return rendering.trusted({**fact.value, "key": fact.key}, fact.source)
    return None


COMPOSER = Agent(name="composer", run=run)
