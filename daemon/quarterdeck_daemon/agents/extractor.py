"""Extractor: who writes, what they want, for how much, until when; every value with the place it stands at."""

from __future__ import annotations

import re

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ProposedFact, RunStep, StepDone

from . import dates, money, people
from .contract import Agent
from .kinds import kind_hints
from .need import need_in
from .outside_text import one_line
from .seen import Mail, mail_of

KEY_CHARS_MAX = 120


def run(step: RunStep) -> StepDone:
    mail = mail_of(step)
    person = people.sender_of(mail)
    company = people.company_of(mail, person)
    now = dates.start_of_day(mail.meta.date, step.now_us)
    language = mail.meta.language
    texts = _texts(mail)
    amounts = [amount for text in texts for amount in _amounts(text, language, person.address)]
    moments = [moment for text in texts for moment in dates.dates_in(text, language=language, now=now)]
    need = need_in(mail.newest, language) or need_in(mail.meta.subject, language)
    budget, deadline = money.budget_of(amounts), dates.deadline_of(moments)
    values: Plain = {
        "person": person.name,
        "first_name": person.first_name,
        "email": person.address,
        "company": company,
        "need": one_line(need.text) if need else "",
        "amount_text": budget.text if budget else money.bare_amount(mail.newest),
        "deadline_text": deadline.text if deadline else "",
    }
    output: Plain = {
        **values,
        "amounts": [_plain_amount(mail, amount) for amount in amounts],
        "amount": _plain_amount(mail, budget) if budget else None,
        "deadline": deadline.day if deadline and deadline.exact else "",
        "dates": [_plain_date(mail, moment) for moment in moments],
        "language": language,
        "kind_hints": kind_hints(mail),
        "subject": one_line(mail.meta.subject),
        "evidence": [_evidence(mail, claim, str(value)) for claim, value in values.items() if value],
    }
    return StepDone(output=output, facts=_facts(mail, output) if need and person.address else ())


def _texts(mail: Mail) -> list[str]:
    """Where sums and dates are looked for: fields of a form first, then what was written."""
    form = mail.form
    fields = [f"{name}: {form[name]}" for name in ("budget", "deadline") if form.get(name)]
    return [*fields, mail.newest]


def _amounts(text: str, language: str, address: str) -> list[money.Amount]:
    return money.amounts_in(text, language=language, country=address.rpartition(".")[2])


def _plain_amount(mail: Mail, amount: money.Amount) -> Plain:
    return {
        "minor_units": amount.minor_units,
        "minor_units_max": amount.minor_units_max,
        "currency": amount.currency,
        "text": amount.text,
        "per": amount.per,
        "span": mail.locate(amount.text, mail.newest_at),
    }


def _plain_date(mail: Mail, moment: dates.Moment) -> Plain:
    span = mail.locate(moment.text, mail.newest_at)
    return {"text": moment.text, "date": moment.day, "exact": moment.exact, "role": moment.role, "span": span}


def _evidence(mail: Mail, claim: str, quote: str) -> Plain:
    return {"claim": claim, "source": mail.source, "quote": quote, "span": _span(mail, quote)}


def _span(mail: Mail, quote: str) -> tuple[int, int] | None:
    """Also across a line break of the mail, which the quote shows as a blank."""
    exact = mail.locate(quote, mail.newest_at)
    if exact or not quote.strip():
        return exact
    words = r"\s+".join(re.escape(word) for word in quote.split()[:60])
    match = re.compile(words).search(mail.text, mail.newest_at) or re.compile(words).search(mail.text)
    return match.span() if match else None


def _facts(mail: Mail, output: Plain) -> tuple[ProposedFact, ...]:
    kept = ("person", "email", "company", "need", "amount", "amount_text", "deadline", "deadline_text", "language")
    key = re.sub(r"[^a-z0-9]+", "-", str(output["email"]).lower()).strip("-")[:KEY_CHARS_MAX]
    value = {name: output[name] for name in kept if output[name]}
    return (ProposedFact(fact_kind="lead", key=key, value=value, source=mail.source),)


EXTRACTOR = Agent(name="extractor", run=run)
