"""Outreach: proposes to send a draft, as the answer to a mail or to somebody we know.

The recipient of an answer is the From address of that mail, or, when the own contact form relayed it, the form's e-mail
field. Nothing else, whatever the mail says; a Reply-To that differs is shown as a risk and not used. The recipient of
any other mail is an address of a canonical fact: a contact's, or one of a client's contacts.
"""

from __future__ import annotations

from quarterdeck_daemon.core.entities import Evidence, Plain
from quarterdeck_daemon.core.orders import ProposedAction, RunStep, StepDone

from .contract import Agent, AgentFailure, plain_map
from .letters import contact_of
from .money import shown
from .outside_text import one_line, without_addresses
from .people import sender_of
from .seen import Fact, Mail, facts_of, input_map, mail_of

REFERENCES_MAX = 20
NEEDED = ("person", "need", "amount", "deadline_text")
SCORE_WITHOUT_QUALIFIER = 0.5
REVIEWED_MAX = 8  # Problems of a review that are shown as risks.
GAPPED = 0.2  # Confidence in a draft that is not finished.
MISLEADING = ("hidden text", "instructions to", "reply-to differs", "sender name contains", "more than one From")
UNDO = "Until the hold ends it can be withdrawn and nobody sees it. After that a correction mail can be proposed."

CONSIDERED = {"lessons": "a lesson", "instructions": "an instruction", "recalled": "recalled"}


def run(step: RunStep) -> StepDone:
    return _answer(step) if step.context.get("mail") else _first_word(step)


def _first_word(step: RunStep) -> StepDone:
    """A mail that answers none."""
    draft, facts = input_map(step, "draft"), facts_of(step)
    wanted = str(step.input.get("to") or draft.get("to") or "")
    if not wanted:
        mail_of(step)  # Neither a mail nor a recipient: say that the mail is missing.
    to, source = _known_address(wanted, facts)
    body, subject = _checked(draft)
    risks = [f"It has a gap: {one_line(str(one), 60)}" for one in _texts(draft.get("gaps"))] + _texts(
        draft.get("notes")
    )
    review = input_map(step, "review")
    risks += [f"The review: {one_line(text, 160)}" for text in _found_by(review)]
    confidence = GAPPED if draft.get("gaps") or review.get("ok") is False else 0.9
    action = ProposedAction(
        connector="mail",
        verb="send",
        args={"to": [to], "cc": [], "subject": subject, "body": body},
        targets=(to,),
        summary=f"Write to {wanted}: {one_line(subject, 80)}",
        why=one_line(str(draft.get("why") or "You asked for this mail."), 600),
        evidence=(Evidence(claim="whose address it is", source=source, quote=to), *_first_evidence(draft)),
        confidence=confidence,
        risks=tuple(risks),
        undo=UNDO,
        group=f"{plain_map(draft.get('template')).get('name') or 'draft'}:first",
    )
    return StepDone(
        output={"to": to, "subject": subject, "confidence": confidence, "risks": risks}, actions=(action,)
    )


def _known_address(wanted: str, facts: dict[str, list[Fact]]) -> tuple[str, str]:
    """(address, the fact that has it) of a contact's key, or of an address that stands in a fact."""
    if "@" not in wanted:
        contact = contact_of(facts, wanted)
        return contact.text("email"), contact.source
    for fact in (*facts.get("contact", []), *facts.get("client", [])):
        known = [fact.text("email"), *fact.words("contacts")]
        if wanted.lower() in (one.lower() for one in known):
            return wanted, fact.source
    said = f"{one_line(wanted, 80)} is nobody's address that we know"
    raise AgentFailure("contract", "unknown_contact", said, "Put it into a fact of the kind contact.")


def _checked(draft: Plain) -> tuple[str, str]:
    """(body, subject). Raises AgentFailure `missing_input` for a draft without a body."""
    body, subject = str(draft.get("body") or ""), one_line(str(draft.get("subject") or ""))
    if not body.strip():
        hint = "Give it `in: {draft: …}`."
        raise AgentFailure("contract", "missing_input", "outreach needs a draft with a body", hint)
    return body, subject


def _found_by(review: Plain) -> list[str]:
    rows = review.get("problems")
    found = [plain_map(one) for one in rows] if isinstance(rows, list) else []
    return [f"“{one.get('quote')}” {one.get('says')} {one.get('fix')}" for one in found[:REVIEWED_MAX]]


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _first_evidence(draft: Plain) -> tuple[Evidence, ...]:
    """What its words were taken from."""
    listed = draft.get("inserted")
    found = [plain_map(one) for one in listed] if isinstance(listed, list) else []
    sources = [(str(one.get("source", "")), one_line(str(one.get("value", "")))) for one in found]
    return tuple(Evidence(claim="inserted into the text", source=source, quote=quote) for source, quote in sources)


def _answer(step: RunStep) -> StepDone:
    mail, draft = mail_of(step), input_map(step, "draft")
    lead = input_map(step, "lead")
    judged = input_map(step, "qualification") or input_map(step, "qualify")
    body, subject = _checked(draft)
    to = _recipient(mail)
    confidence = _confidence(mail, lead, draft, judged)
    risks = _risks(mail, lead, draft, to, facts_of(step))
    action = ProposedAction(
        connector="mail",
        verb="send",
        args={
            "to": [to],
            "cc": [],
            "subject": subject,
            "body": body,
            "in_reply_to": mail.meta.message_id,
            "references": _references(mail),
        },
        targets=(to,),
        summary=_summary(lead, to),
        why=_why(judged, mail),
        evidence=_evidence(mail, lead, draft, judged),
        confidence=confidence,
        risks=risks,
        undo=UNDO,
        group=_group(draft, judged),
    )
    output: Plain = {"to": to, "subject": subject, "confidence": confidence, "risks": list(risks)}
    return StepDone(output=output, actions=(action,))


def _recipient(mail: Mail) -> str:
    to = sender_of(mail).address
    if to:
        return to
    raise AgentFailure("permanent", "no_recipient", "the mail has no usable sender address", "Answer it by hand.")


def _references(mail: Mail) -> list[str]:
    chain = [*mail.meta.references, mail.meta.message_id]
    return [id for id in dict.fromkeys(chain) if id][-REFERENCES_MAX:]


def _summary(lead: Plain, to: str) -> str:
    """`Reply to Ines Duarte (Northwind): onboarding redesign, EUR 8,000-10,000`."""
    who = without_addresses(str(lead.get("person") or "")) or to
    company = without_addresses(str(lead.get("company") or ""), 60)
    what = [without_addresses(str(lead.get("need") or ""), 80), _money(plain_map(lead.get("amount")))]
    told = ", ".join(filter(None, what))
    return f"Reply to {who}" + (f" ({company})" if company else "") + (f": {told}" if told else "")


def _money(amount: Plain) -> str:
    low, high, currency = (amount.get(name) for name in ("minor_units", "minor_units_max", "currency"))
    if not isinstance(low, int) or not isinstance(high, int):
        return ""
    text = shown(low, str(currency))
    return text if low == high else f"{text}-{shown(high, str(currency)).removeprefix(f'{currency} ')}"


def _why(judged: Plain, mail: Mail) -> str:
    reasons = judged.get("reasons")
    texts = [str(plain_map(reason).get("text", "")) for reason in reasons] if isinstance(reasons, list) else []
    return (
        one_line(" ".join(filter(None, texts)), 600) or f"{mail.meta.from_address} wrote, and an answer is drafted."
    )


def _evidence(mail: Mail, lead: Plain, draft: Plain, judged: Plain) -> tuple[Evidence, ...]:
    found = [Evidence(claim="the mail that is answered", source=mail.source, quote=one_line(mail.meta.subject))]
    listed = lead.get("evidence")
    for item in listed if isinstance(listed, list) else []:
        plain = plain_map(item)
        quote = str(plain.get("quote", ""))
        span = mail.locate(quote) if quote else None
        found.append(
            Evidence(claim=str(plain.get("claim", "")), source=mail.source, quote=one_line(quote), span=span)
        )
    reasons = judged.get("reasons")
    for reason in map(plain_map, reasons if isinstance(reasons, list) else []):
        claim = f"rule {reason.get('rule', '')}"
        found.append(Evidence(claim=claim, source=str(reason.get("source", "")), quote=str(reason.get("text", ""))))
    template = plain_map(draft.get("template"))
    if template.get("id"):
        found.append(
            Evidence(claim="written from the template", source=str(template["id"]), quote=str(template["hash"]))
        )
    listed = draft.get("inserted")
    sources = {str(plain_map(item).get("source", "")) for item in listed} if isinstance(listed, list) else set()
    facts = sorted(source for source in sources if source.startswith(("fact:", "memory:")))
    inserted = [Evidence(claim="inserted into the text", source=source) for source in facts]
    return (*found, *inserted, *_considered(draft, facts))


def _considered(draft: Plain, inserted: list[str]) -> list[Evidence]:
    """Lessons and memories that were at hand when it was written, unless they stand in the text anyway."""
    listed = draft.get("considered")
    ones = [plain_map(item) for item in listed] if isinstance(listed, list) else []
    return [
        Evidence(
            claim=CONSIDERED.get(str(one.get("part")), "recalled"), source=str(one["id"]), quote=str(one["text"])
        )
        for one in ones
        if one.get("id") and one["id"] not in inserted
    ]


def _confidence(mail: Mail, lead: Plain, draft: Plain, judged: Plain) -> float:
    """0.45 * share of the needed values that were found + 0.4 * score of the qualification + 0.1 for the language,
    less 0.15 for each sign that the mail tries to mislead; never below 0.

    Only observations count: nothing a mail says about itself, and no opinion of a model.
    """
    found = sum(1 for name in NEEDED if lead.get(name)) / len(NEEDED)
    score = judged.get("score")
    rating = float(score) if isinstance(score, int | float) else SCORE_WITHOUT_QUALIFIER
    language = 0.0 if _other_language(draft) else 0.1
    suspicious = sum(1 for warning in mail.meta.warnings if warning.startswith(MISLEADING))
    total = 0.45 * found + 0.4 * min(max(rating, 0.0), 1.0) + language - 0.15 * suspicious
    return round(max(total, 0.0), 2)


def _other_language(draft: Plain) -> bool:
    wanted, used = str(draft.get("language_wanted") or ""), str(draft.get("language") or "")
    return bool(wanted) and wanted != (used or "en")


def _risks(mail: Mail, lead: Plain, draft: Plain, to: str, facts: dict[str, list[Fact]]) -> tuple[str, ...]:
    known = {address.lower() for fact in facts.get("client", []) for address in fact.words("contacts")}
    known |= {fact.text("email").lower() for fact in facts.get("contact", [])}
    differs = mail.meta.reply_to and mail.meta.reply_to != to and not mail.form
    remarks = {
        f"Answers are asked to go to {one_line(mail.meta.reply_to, 80)}; that is not used.": bool(differs),
        "First contact with this address.": to not in known,
        "No amount was found in the mail.": not lead.get("amount"),
        "Nobody is named; the greeting is general.": not lead.get("person"),
        f"They write in {draft.get('language_wanted')}; there is no template in it.": _other_language(draft),
        "It came through the contact form: the address was typed, not proved.": bool(mail.form),
    }
    warnings = [f"The mail: {one_line(text, 120)}." for text in mail.meta.warnings if not text.startswith("reply-to")]
    return (*warnings, *(text for text, applies in remarks.items() if applies))


def _group(draft: Plain, judged: Plain) -> str:
    name = str(plain_map(draft.get("template")).get("name") or "draft")
    return f"{name}:{judged.get('rule') or 'unqualified'}"


OUTREACH = Agent(name="outreach", run=run)
