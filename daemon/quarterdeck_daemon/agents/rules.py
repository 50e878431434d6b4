"""What kind of mail is this? An ordered table of rules; the first that knows an answer gives it, with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quarterdeck_daemon.core.entities import Plain

from .kinds import Signs
from .outside_text import one_line
from .seen import Fact, Mail
from .words import LANGUAGES

PITCH_SURE = 3  # So many different phrases of selling are a pitch, whatever else is said.
PITCH_LIKELY = 2
NEED_SURE = 2


@dataclass(frozen=True)
class View:
    """All that the rules look at. `lead` is the extractor's output."""

    mail: Mail
    lead: Plain
    signs: Signs
    facts: dict[str, list[Fact]]

    @property
    def sender(self) -> str:
        return str(self.lead.get("email") or self.mail.meta.from_address)


@dataclass(frozen=True)
class Reason:
    """rule: its name; text: why, for people; source: an entity id where it can be looked up."""

    rule: str
    text: str
    source: str

    def plain(self) -> Plain:
        return {"rule": self.rule, "text": self.text, "source": self.source}


@dataclass(frozen=True)
class Decision:
    kind: str
    reason: Reason


Rule = Callable[[View], Decision | None]


def decide(view: View) -> Decision:
    for rule in RULES:
        decision = rule(view)
        if decision is not None:
            return decision
    return _because(view, "unclear", "nothing-known", "No rule recognises this mail.")


def _because(view: View, kind: str, rule: str, text: str, source: str = "") -> Decision:
    return Decision(kind, Reason(rule, text, source or view.mail.source))


def _bounced(view: View) -> Decision | None:
    if view.mail.meta.auto != "bounce":
        return None
    return _because(view, "bounce", "auto.bounce", "A mail server reports on an earlier mail.")


def _answering_machine(view: View) -> Decision | None:
    if view.mail.meta.auto != "auto-reply":
        return None
    return _because(view, "auto", "auto.reply", "An automatic reply; nobody wrote it to us.")


def _calendar(view: View) -> Decision | None:
    dated = "text/calendar" in view.mail.meta.media_types
    dated = dated or any(name.lower().endswith(".ics") for name in view.mail.meta.attachments)
    return _because(view, "calendar", "calendar.part", "It carries a calendar entry.") if dated else None


def _known_client(view: View) -> Decision | None:
    address, domain = view.sender, view.sender.partition("@")[2]
    for fact in view.facts.get("client", []):
        addresses = {item.lower() for item in [*fact.words("contacts"), fact.text("email")]}
        if address and address in addresses:
            return _because(view, "client", "client.address", f"{address} is a contact of {fact.key}.", fact.source)
        if domain and domain == fact.text("domain").lower():
            return _because(view, "client", "client.domain", f"{domain} is the domain of {fact.key}.", fact.source)
    for fact in view.facts.get("contact", []):
        if address and address == fact.text("email").lower() and fact.text("client"):
            return _because(view, "client", "client.contact", f"{address} is {fact.key}, of a client.", fact.source)
    return None


def _nobody(view: View) -> Decision | None:
    if view.sender:
        return None
    return _because(view, "unclear", "sender.none", "It names no address that an answer could go to.")


def _ourselves(view: View) -> Decision | None:
    """A note to oneself, or somebody who pretends: an answer would go to the one who wrote the rules."""
    if view.mail.form or view.sender not in {address.lower() for address in view.mail.meta.to}:
        return None
    return _because(view, "personal", "sender.own", f"{view.sender} is the address that it was sent to.")


def _invoice(view: View) -> Decision | None:
    signs, amounts = view.signs, view.lead.get("amounts")
    named = bool(signs.invoice_subject) and bool(amounts or signs.invoice or view.mail.meta.attachments)
    full = len(signs.invoice) >= 2 and bool(amounts) and (view.mail.meta.auto != "" or not signs.need)
    if (not named and not full) or (len(signs.need) >= NEED_SURE and not view.mail.meta.auto):
        return None
    words = ", ".join(dict.fromkeys(word.lower() for word in (*signs.invoice_subject, *signs.invoice)))
    return _because(view, "invoice", "invoice.words", f"It speaks of money owed or paid: {one_line(words, 80)}.")


def _machine(view: View) -> Decision | None:
    kinds = {"newsletter": "newsletter", "bulk": "newsletter", "notification": "notification"}
    kind = kinds.get(view.mail.meta.auto)
    return _because(view, kind, f"auto.{kind}", "Its headers say that a machine sent it to many.") if kind else None


def _own_thread(view: View) -> Decision | None:
    """A reply to a mail from one of the addresses it was sent to, so to one of ours."""
    houses = {address.partition("@")[2] for address in view.mail.meta.to} - {view.sender.partition("@")[2], ""}
    answered = [view.mail.meta.in_reply_to, *view.mail.meta.references[-1:]]
    ours = [id for id in answered if id.strip("<>").partition("@")[2] in houses]
    if not ours:
        return None
    return _because(view, "client", "thread.ours", "It answers a mail of ours; a running conversation.")


def _pitch(view: View) -> Decision | None:
    pitch, need = len(view.signs.pitch), len(view.signs.need)
    sure = pitch >= PITCH_SURE and pitch >= need
    likely = pitch >= PITCH_LIKELY and need < NEED_SURE
    if not sure and not likely:
        return None
    words = one_line(", ".join(f"“{word}”" for word in view.signs.pitch[:3]), 120)
    return _because(view, "spam", "pitch.words", f"It sells to us: {words}.")


def _known_person(view: View) -> Decision | None:
    for fact in view.facts.get("contact", []):
        if view.sender and view.sender == fact.text("email").lower():
            text = f"{view.sender} is {fact.key}, known and not a client."
            return _because(view, "personal", "contact.known", text, fact.source)
    return None


def _enquiry(view: View) -> Decision | None:
    signs, need = view.signs, str(view.lead.get("need") or "")
    if not need or not signs.need:
        return None
    enough = bool(signs.work) or bool(view.lead.get("amount")) or bool(view.mail.form)
    if not enough:
        return None
    text = f"A person asks for work: “{one_line(need, 100)}”."
    return _because(view, "lead", "need.words", text)


def _from_form(view: View) -> Decision | None:
    if not view.mail.form:
        return None
    return _because(view, "lead", "form.own", "It came through the own contact form.")


def _personal(view: View) -> Decision | None:
    if view.mail.meta.language not in LANGUAGES or not view.sender:
        return None
    return _because(view, "personal", "person.no-need", "A person writes, and does not ask for work.")


RULES: tuple[Rule, ...] = (
    _bounced,
    _answering_machine,
    _calendar,
    _known_client,
    _invoice,
    _machine,
    _nobody,
    _ourselves,
    _own_thread,
    _pitch,
    _known_person,
    _enquiry,
    _from_form,
    _personal,
)
