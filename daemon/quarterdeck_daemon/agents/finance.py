"""Finance: which invoices are open or overdue, what each client owes, reminders in words, and whether payments fit.

It works from canonical facts alone and asks no model: an amount must be right, and what nobody told is left out and said.
A reminder is a draft; it leaves only as a mail that another agent proposes and the operator or a rule permits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import RunStep, StepDone

from .contract import Agent, plain_map
from .ledger import Bill, bills_of, names_of, reconciled, unreadable_of
from .money import shown
from .reminders import reminder
from .seen import Fact, facts_of

TOLD_MAX: Final = 20


def run(step: RunStep) -> StepDone:
    facts, today = facts_of(step), today_of(step)
    client = str(step.input.get("client") or "").rpartition("/")[2]
    bills = bills_of(facts, client)
    open_bills = [one for one in bills if one.left > 0]
    overdue = [one for one in open_bills if one.overdue(today)]
    reminders = [reminder(one, facts, step, today) for one in overdue]
    told = str(step.input.get("what") or "open")
    seen = {"open": open_bills, "overdue": overdue, "reconciliation": bills}[told]
    output: Plain = {
        "as_of": today.isoformat(),
        "open": [_row(one, today) for one in open_bills],
        "overdue": [_row(one, today) for one in overdue],
        "totals": _totals(open_bills, today),
        "reminders": [one for one in reminders if one["to"]],
        "unreachable": [one["invoice"] for one in reminders if not one["to"]],
        "reconciliation": reconciled(bills, facts),
        "unreadable": [one.key for one in unreadable_of(facts)],
    }
    answer = ANSWERS[told](output, client, facts)
    return StepDone(output={**output, "answer": answer, "sources": [_source(one) for one in seen[:TOLD_MAX]]})


def today_of(step: RunStep) -> date:
    """The day, in the workspace's own zone."""
    zone = str(plain_map(step.context.get("workspace")).get("timezone") or "UTC")
    try:
        return datetime.fromtimestamp(step.now_us / 1e6, ZoneInfo(zone)).date()
    except (ValueError, ZoneInfoNotFoundError):
        return datetime.fromtimestamp(step.now_us / 1e6, ZoneInfo("UTC")).date()


def _row(bill: Bill, today: date) -> Plain:
    return {
        "invoice": bill.fact.key,
        "client": bill.client,
        "minor": bill.left,
        "currency": bill.currency,
        "amount": shown(bill.left, bill.currency),
        "due": bill.due.isoformat() if bill.due else "",
        "days_late": bill.days_late(today),
        "source": bill.fact.source,
    }


def _source(bill: Bill) -> Plain:
    quote = f"{shown(bill.minor, bill.currency)}, due {bill.due or 'never said'}"
    quote += f", paid {bill.paid_on}" if bill.paid_on else ""
    return {"id": bill.fact.source, "title": f"invoice {bill.fact.key}", "quote": quote, "span": None}


def _totals(bills: list[Bill], today: date) -> list[Plain]:
    """What each client owes, by currency; sums of different currencies are never added."""
    owed: Counter[tuple[str, str]] = Counter()
    late: Counter[tuple[str, str]] = Counter()
    for one in bills:
        owed[one.client, one.currency] += one.left
        late[one.client, one.currency] += one.left if one.overdue(today) else 0
    return [
        {
            "client": client, "currency": currency, "open_minor": minor, "overdue_minor": late[client, currency],
            "open": shown(minor, currency), "overdue": shown(late[client, currency], currency),
        }
        for (client, currency), minor in sorted(owed.items())
    ]  # fmt: skip


# --- in words -------------------------------------------------------------------------------------


def _maps(value: object) -> list[Plain]:
    return [plain_map(one) for one in value] if isinstance(value, list) else []


def _of(client: str, facts: dict[str, list[Fact]]) -> str:
    return f" of {names_of(facts).get(client, client)}" if client else ""


def _listed(rows: list[Plain], facts: dict[str, list[Fact]]) -> list[str]:
    names = names_of(facts)
    lines = [f"{_line(row, names)} [{number}]" for number, row in enumerate(rows[:TOLD_MAX], 1)]
    return lines + ([f"and {len(rows) - TOLD_MAX} more"] if len(rows) > TOLD_MAX else [])


def _line(row: Plain, names: dict[str, str]) -> str:
    who = names.get(str(row["client"]), str(row["client"]))
    due = f"due {row['due'] or 'on no day that was told'}"
    late = f", {row['days_late']} days late" if row["days_late"] else ""
    return f"{row['invoice']}  {who}  {row['amount']}  {due}{late}"


def _sums(output: Plain, which: str) -> str:
    sums: Counter[str] = Counter()
    for row in _maps(output["totals"]):
        sums[str(row["currency"])] += int(str(row[f"{which}_minor"]))
    return " and ".join(shown(minor, currency) for currency, minor in sorted(sums.items()) if minor)


def _say_open(output: Plain, client: str, facts: dict[str, list[Fact]]) -> str:
    rows, late = _maps(output["open"]), len(_maps(output["overdue"]))
    if not rows:
        return f"No invoice{_of(client, facts)} is open on {output['as_of']}.{_unread(output)}"
    many = f"{len(rows)} invoices{_of(client, facts)} are" if len(rows) > 1 else f"One invoice{_of(client, facts)} is"
    overdue = f"{late} of them overdue" if late else "none of them overdue"
    return "\n".join(
        [
            f"{many} open on {output['as_of']}, {_sums(output, 'open')}; {overdue}.{_unread(output)}",
            *_listed(rows, facts),
        ]
    )


def _say_overdue(output: Plain, client: str, facts: dict[str, list[Fact]]) -> str:
    rows = _maps(output["overdue"])
    if not rows:
        return f"No invoice{_of(client, facts)} is overdue on {output['as_of']}.{_unread(output)}"
    many = f"{len(rows)} invoices{_of(client, facts)} are" if len(rows) > 1 else f"One invoice{_of(client, facts)} is"
    head = f"{many} overdue on {output['as_of']}, {_sums(output, 'overdue')}.{_unread(output)}"
    return "\n".join([head, *_listed(rows, facts)])


def _say_reconciliation(output: Plain, client: str, facts: dict[str, list[Fact]]) -> str:
    found = plain_map(output["reconciliation"])
    matched, differing, leftover = (_maps(found[name]) for name in ("matched", "differing", "leftover"))
    unproved = found["unproved"]
    assert isinstance(unproved, list), "ledger.py makes a list"
    lines = [
        f"{len(matched)} invoices{_of(client, facts)} fit their payments, {len(differing)} do not; {len(unproved)} are paid "
        f"by their own word and no payment shows it; {len(leftover)} payments belong to no invoice.{_unread(output)}"
    ]
    lines += [f"{row['invoice']}: {'; '.join(map(str, _list(row['differs'])))}" for row in differing[:TOLD_MAX]]
    lines += [f"{key}: no payment shows it" for key in unproved[:TOLD_MAX]]
    for row in leftover[:TOLD_MAX]:
        could = ", ".join(map(str, _list(row["could_be"])))
        lines.append(
            f"payment {row['payment']} ({row['amount']}): of no invoice" + (f", could be {could}" if could else "")
        )
    return "\n".join(lines)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _unread(output: Plain) -> str:
    unread = _list(output["unreadable"])
    return f" Of {', '.join(map(str, unread[:5]))} no amount is known." if unread else ""


ANSWERS: Final[dict[str, Callable[[Plain, str, dict[str, list[Fact]]], str]]] = {
    "open": _say_open, "overdue": _say_overdue, "reconciliation": _say_reconciliation,
}  # fmt: skip
FINANCE = Agent(name="finance", run=run)
