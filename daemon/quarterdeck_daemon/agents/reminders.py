"""The words of a reminder for one overdue invoice, in the language of the client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import RunStep

from .contract import plain_map
from .ledger import Bill
from .money import shown
from .outside_text import one_line
from .seen import Fact

FIRM_DAYS: Final = 14  # From then on it asks for a day.
BILLING: Final = ("invoice", "accounts", "billing", "rechnung", "buchhaltung", "comptabilite", "facture")


@dataclass(frozen=True)
class Words:
    """How a reminder goes in a language. friendly: the first; firm: when it is very late."""

    subject: str
    hello: str
    owed: str
    friendly: str
    firm: str
    bye: str


WORDS: Final[dict[str, Words]] = {
    "en": Words(
        "Reminder: invoice {number}", "Dear {name},",
        "invoice {number} of {amount} was due on {due} and I cannot see a payment yet.",
        "It may have slipped through, or crossed with this mail; then please forget this one.",
        "It is {days} days late now. Please tell me on which day I can expect it, or what is in the way.", "Best regards",
    ),
    "de": Words(
        "Zahlungserinnerung: Rechnung {number}", "Guten Tag {name},",
        "die Rechnung {number} über {amount} war am {due} fällig, und ich sehe noch keinen Zahlungseingang.",
        "Vielleicht ist sie untergegangen, oder die Zahlung hat sich mit dieser Mail überschnitten; dann ist sie erledigt.",
        "Sie ist jetzt {days} Tage überfällig. Bitte sagen Sie mir, wann ich damit rechnen kann, oder was fehlt.",
        "Viele Grüße",
    ),
    "fr": Words(
        "Rappel : facture {number}", "Bonjour {name},",
        "la facture {number} de {amount} était à régler le {due} et je ne vois pas encore de paiement.",
        "Elle a pu passer entre les mailles, ou croiser ce message ; dans ce cas, n'en tenez pas compte.",
        "Elle a maintenant {days} jours de retard. Dites-moi, s'il vous plaît, quand je peux y compter.",
        "Bien cordialement",
    ),
}  # fmt: skip


def reminder(bill: Bill, facts: dict[str, list[Fact]], step: RunStep, today: date) -> Plain:
    """{invoice, to, subject, body, language, days_late, inserted}; `to` is "" when nobody is known to write to."""
    client = next((one for one in facts.get("client", []) if one.key == bill.client), None)
    contact = next(
        (one for one in facts.get("contact", []) if one.text("client").rpartition("/")[2] == bill.client), None
    )
    language = next(
        (one for one in ((client.text("language") if client else ""), "en") if one in WORDS), "en"
    )  # What we cannot write, we write in English.
    words, days = WORDS[language], bill.days_late(today)
    name = contact.text("name") if contact else client.text("name") if client else bill.client
    values = {
        "number": bill.fact.key, "amount": _amount(bill, language), "due": _day(bill.due, language), "days": str(days),
        "name": one_line(name.partition("(")[0], 80),
    }  # fmt: skip
    second = words.firm if days > FIRM_DAYS else words.friendly
    operator = str(plain_map(step.context.get("workspace")).get("operator", "")).partition("<")[0].strip()
    hello, owed, then = (text.format(**values) for text in (words.hello, words.owed, second))
    body = f"{hello}\n\n{owed} {then}\n\n{words.bye}\n{operator}".rstrip() + "\n"
    sources = [bill.fact.source, *(one.source for one in (client, contact) if one)]
    return {
        "invoice": bill.fact.key,
        "to": _to(client, contact),
        "subject": words.subject.format(**values),
        "body": body,
        "language": language,
        "days_late": days,
        "template": {"id": "", "name": "reminder", "hash": ""},
        "inserted": [{"value": bill.fact.key, "source": source} for source in sources],
        "why": f"{bill.fact.key} was due on {bill.due} and nothing shows that it was paid.",
    }


def _to(client: Fact | None, contact: Fact | None) -> str:
    """Who reads invoices there, else the first person we know there."""
    addresses = client.words("contacts") if client else []
    billing = next((one for one in addresses if one.lower().startswith(BILLING)), "")
    return billing or (contact.key if contact else next(iter(addresses), ""))


def _amount(bill: Bill, language: str) -> str:
    said = shown(bill.left, bill.currency)
    if language == "en":
        return said
    currency, _, number = said.partition(" ")
    swapped = number.translate(str.maketrans(",.", ".," if language == "de" else "\u00a0,"))
    return f"{swapped}\u00a0{'€' if currency == 'EUR' else currency}"


def _day(day: date | None, language: str) -> str:
    assert day is not None, "what is overdue was due on a day"
    if language == "en":
        return f"{day.day} {MONTHS_EN[day.month - 1]} {day.year}"
    return day.strftime("%d.%m.%Y" if language == "de" else "%d/%m/%Y")


MONTHS_EN: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
