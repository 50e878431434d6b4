"""From bytes of a mail through the agents, the way the kernel does it: all that passes is plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from quarterdeck_daemon.agents.table import run_agent
from quarterdeck_daemon.core.agent_files import misfit_of, read_agent
from quarterdeck_daemon.core.contracts import breach
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ParseDocument, RunStep, StepDone
from quarterdeck_daemon.parsers.table import parse
from quarterdeck_daemon.service.agents import TEAM

STUDIO = Path(__file__).resolve().parents[3] / "examples" / "studio"
NOW_US = 1_793_000_000_000_000
TEMPLATE = '+++\nsubject = "Re: {{ mail.subject }}"\n+++\nHello {{ lead.first_name }},\n\nyou need {{ lead.need }}.\n'
WORKSPACE: Plain = {"name": "Studio", "operator": "Mara Lindqvist <mara@studio.example>"}


@dataclass(frozen=True)
class Read:
    """One mail after the first two agents."""

    mail: Plain
    lead: Plain
    judged: Plain


def step(agent: str, given: Plain, context: Plain) -> StepDone:
    order = RunStep(run="run1", step="s", attempt=1, agent=agent, input=given, context=context, now_us=NOW_US)
    contract = read_agent((TEAM / f"{agent}.md").read_text("utf-8"))
    assert misfit_of(contract.takes, given) == ""
    carried = msgspec.msgpack.decode(msgspec.msgpack.encode(order), type=RunStep)
    done = msgspec.msgpack.decode(msgspec.msgpack.encode(run_agent(carried)), type=StepDone)
    assert breach(contract, done) == ""
    return done


def document(data: bytes) -> Plain:
    parsed = parse(ParseDocument(document="doc1", media_type="message/rfc822", data=data, name="1.eml"))
    return {"id": "doc1", "title": parsed.title, "text": parsed.text, "meta": parsed.meta, "labels": {}}


def read(data: bytes, context: Plain | None = None) -> Read:
    mail = document(data)
    seen: Plain = {"mail": mail, **(context or {})}
    lead = step("extractor", {}, seen).output
    return Read(mail, lead, step("qualifier", {"lead": lead}, seen).output)


def answer(one: Read, template: Plain | None = None, context: Plain | None = None) -> StepDone:
    """Draft and propose, whatever the qualifier said."""
    chosen = template or {"id": "asset:template/t", "name": "t", "text": TEMPLATE, "hash": "h"}
    seen: Plain = {"mail": one.mail, "template": chosen, "workspace": WORKSPACE, **(context or {})}
    draft = step("composer", {"lead": one.lead}, seen).output
    return step("outreach", {"draft": draft, "lead": one.lead, "qualification": one.judged}, {"mail": one.mail})


def mail_bytes(body: str, **headers: str) -> bytes:
    """Header names with _ for -."""
    lines = {
        "From": "Ana Ruiz <ana@nube.example>",
        "To": "hello@studio.example",
        "Subject": "Hello",
        "Date": "Mon, 2 Feb 2026 10:00:00 +0100",
        "Message-ID": "<1@nube.example>",
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return ("\n".join(f"{name}: {value}" for name, value in lines.items()) + "\n\n" + body).encode()


def studio_facts() -> dict[str, list[Plain]]:
    found: dict[str, list[Plain]] = {}
    for path in sorted((STUDIO / "facts").glob("*.toml")):
        order = ParseDocument(
            document="doc1", media_type="application/toml", data=path.read_bytes(), name=f"facts/{path.name}"
        )
        parsed = parse(order)
        assert parsed.unreadable == ""
        for fact in parsed.facts:
            plain: Plain = {"id": f"{fact.fact_kind}/{fact.key}", "key": fact.key, "value": fact.value, "version": 1}
            found.setdefault(fact.fact_kind, []).append(plain)
    return found


def studio_template(name: str) -> Plain:
    def plain(path: Path) -> Plain:
        return {"id": f"asset:template/{path.stem}", "name": path.stem, "text": path.read_text(), "hash": "h"}

    folder = STUDIO / "templates"
    variants: Plain = {path.stem.partition(".")[2]: plain(path) for path in sorted(folder.glob(f"{name}.*.md"))}
    return {**plain(folder / f"{name}.md"), "variants": variants}
