"""One morning of a freelance product designer, as view models. Every name is invented."""

from __future__ import annotations

from dataclasses import replace

from quarterdeck_tui.views import (
    AlertView,
    ApprovalView,
    BenchView,
    DeedView,
    EvidenceView,
    RunView,
    StatusView,
    StopView,
)

NOW_US = 1_795_507_200_000_000
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


def mail(
    number: int,
    summary: str,
    to: str,
    subject: str,
    body: str,
    *,
    agent: str = "composer",
    risk: str = "low",
    why: str = "",
    evidence: tuple[EvidenceView, ...] = (),
    risks: tuple[str, ...] = (),
    confidence: float = 0.9,
    age_min: int = 5,
    due_us: int | None = None,
) -> ApprovalView:
    base = ApprovalView(
        id=f"a{number}",
        shown_hash=f"hash-{number}",
        summary=summary,
        connector="mail",
        verb="send",
        risk="low",
        args={"to": [to], "subject": subject, "body": body},
        targets=(to,),
        agent=agent,
        why=why or "They wrote first and wait for an answer.",
        evidence=evidence,
        confidence=confidence,
        rule="mail.reply",
        rule_where="policies/mail.toml",
        rule_reasons=("A single answer to somebody who wrote first.",),
        hold_s=8.0,
        undo="After that a correction mail, which waits for your yes",
        risks=risks,
        integrity="external",
        sensitivity="private",
        sources=(f"doc{number}",),
        run=f"r{2200 + number}",
        step="draft",
        at_us=NOW_US - age_min * MINUTE_US,
        expires_us=due_us,
    )
    return (
        replace(base, risk="high") if risk == "high" else replace(base, risk="medium") if risk == "medium" else base
    )


INES = mail(
    17,
    "Answer Northwind: pack redesign, 9 days, EUR 5,760",
    "ines@northwind.test",
    "Re: New packaging for the spring teas",
    "Hello Ines,\n\nthank you for writing, and for the photos of the old boxes. For twelve teas I would plan\n"
    "nine days: two for the grid and the colours, five for the packs, two for print data.\n"
    "At my day rate of EUR 640 that is EUR 5,760 net.\n\nI could begin on 7 December. Shall we talk on Tuesday at 10?\n\n"
    "Best,\nMara",
    why="Ines asks for an offer by Friday; twelve packs fit the nine-day plan of the last tea project.",
    evidence=(
        EvidenceView(
            "twelve teas, print-ready in January", "doc17", "12 SKUs, print-ready by mid January", (212, 247)
        ),
        EvidenceView("wants an offer by Friday", "doc17", "a rough offer by Friday would help us", (301, 338)),
        EvidenceView("day rate EUR 640 since May", "fact:price/day-rate", "640"),
        EvidenceView("Northwind pays net 30, always cc Tom", "m412", "Please cc Tom on anything with numbers"),
    ),
    risks=("The begin on 7 December overlaps the Aalto sprint by one day.",),
    age_min=4,
    due_us=NOW_US + 17 * HOUR_US,
)

APPROVALS: tuple[ApprovalView, ...] = (
    ApprovalView(
        id="a18",
        shown_hash="hash-18",
        summary="Pay invoice 2026-114, EUR 312.50, to Hostcom",
        connector="payment",
        verb="transfer",
        risk="high",
        args={"amount": "312.50", "currency": "EUR", "iban": "DE00 0000 0000 1203", "reference": "2026-114"},
        targets=("billing@hostcom.test",),
        agent="finance",
        why="The invoice is real, due on 24 November and not yet paid.",
        evidence=(
            EvidenceView("invoice over EUR 312.50", "doc18", "Total due: 312.50 EUR"),
            EvidenceView("same account as the last five times", "m201", "IBAN ..1203"),
        ),
        confidence=0.71,
        rule="pay.over_250",
        rule_where="policies/money.toml",
        hold_s=8.0,
        undo="cancel at the bank until 16:00; then ask for a refund",
        risks=("Same amount as 2026-113, six days apart: may be a duplicate.",),
        integrity="external",
        sensitivity="private",
        at_us=NOW_US - 9 * MINUTE_US,
        expires_us=NOW_US + 3 * DAY_US,
    ),
    INES,
    mail(
        19,
        "Move the call with Jon at Fernhill to Tuesday 10:00",
        "jon@fernhill.test",
        "Our call",
        "Hello Jon,\n\nTuesday at 10:00 works. I have moved the invitation.\n\nMara",
        agent="scheduler",
        confidence=0.93,
        age_min=15,
        due_us=NOW_US + 2 * DAY_US,
    ),
    mail(
        20,
        "Second reminder to Baretto: invoice 1038, 31 days late",
        "accounts@baretto.test",
        "Invoice 1038",
        "Hello,\n\ninvoice 1038 over EUR 1,920.00 was due on 21 October. Please tell me when I can expect it.\n\nMara Lindqvist",
        agent="finance",
        risk="medium",
        confidence=0.79,
        age_min=31,
        due_us=NOW_US + DAY_US,
    ),
    ApprovalView(
        id="a21",
        shown_hash="hash-21",
        summary="Post the launch note of the Kiln lamp",
        connector="cms",
        verb="publish",
        risk="medium",
        args={"page": "journal/kiln-lamp", "title": "A lamp that dims like dusk", "words": 412},
        targets=("studio-example.test",),
        agent="marketing",
        why="The client released the pictures this morning.",
        confidence=0.80,
        rule="post.public",
        rule_where="policies/site.toml",
        undo="unpublish; readers of the feed keep it",
        integrity="agent",
        sensitivity="public",
        at_us=NOW_US - 48 * MINUTE_US,
    ),
    ApprovalView(
        id="a22",
        shown_hash="hash-22",
        summary="File 12 receipts into 2026/11",
        connector="files",
        verb="move",
        risk="low",
        args={"count": 12, "folder": "receipts/2026/11"},
        agent="executor",
        why="They carry dates of November and are named in the bank statement.",
        confidence=0.97,
        rule="files.inside",
        rule_where="policies/files.toml",
        undo="moves them back",
        integrity="agent",
        sensitivity="private",
        at_us=NOW_US - 2 * HOUR_US,
    ),
    mail(
        23,
        "Thank Kim for the workshop photos",
        "kim@zipstudio.test",
        "Photos",
        "Dear Kim,\n\nthe photos are wonderful, thank you. The third one will go into the case study.\n\nMara",
        agent="outreach",
        confidence=0.88,
        age_min=180,
    ),
    mail(
        24,
        "Decline Plasma Labs: logo in two days",
        "hello@plasmalabs.test",
        "Re: quick logo??",
        "Hello,\n\nthank you for thinking of me. Two days are too short for work I would sign. In January I could.\n\nMara",
        confidence=0.84,
        age_min=300,
        due_us=NOW_US + 6 * DAY_US,
    ),
    mail(
        25,
        "Ask Aalto for the final dielines",
        "print@aalto.test",
        "Dielines for the sleeves",
        "Hello,\n\nto finish the sleeves I need the final dielines, please as PDF with the cutting layer.\n\nMara",
        agent="outreach",
        confidence=0.91,
        age_min=420,
    ),
)  # fmt: skip

RUNS = (
    RunView("r2219", "lead-to-outreach", "running", 3, 5, NOW_US - 41_000_000, waits_for=("a17",)),
    RunView("r2221", "close-month", "running", 4, 9, NOW_US - 2 * MINUTE_US),
    RunView("r2214", "competitors", "paused", 2, 7, NOW_US - 3 * HOUR_US),
)
ALERTS = (
    AlertView("IMAP refused the password 3 times", "quarterdeck doctor", at_us=NOW_US - 12 * MINUTE_US),
    AlertView("nobody knows whether a11 left the house", "quarterdeck why a11", "critical", NOW_US - HOUR_US),
)
STATUS = StatusView("studio-example", len(APPROVALS), 1, 0, "$1.84", 12_204)
INVOICE = DeedView(
    "a16", "Invoice 1041 to Fernhill", "approved", NOW_US + 5_000_000, "held", NOW_US - 3_000_000,
    "mail.send", "jon@fernhill.test", "hash-16",
)  # fmt: skip
DEEDS = (
    INVOICE,
    DeedView(
        "a14", "Answer Rosewood: portfolio as PDF", "approved", NOW_US + 22_000_000, "held", NOW_US - 8_000_000,
        "mail.send", "hello@rosewood.test", "hash-14",
    ),
    DeedView(
        "a12", "Write to the printer about the proofs", "rejected", None, "rejected", NOW_US - 3 * MINUTE_US,
        "mail.send", "print@aalto.test", "hash-12",
    ),
    DeedView(
        "a11", "Confirm the workshop date", "approved", None, "unknown", NOW_US - HOUR_US,
        "mail.send", "kim@zipstudio.test", "hash-11",
    ),
)  # fmt: skip
MORNING = BenchView("live", "", STATUS, APPROVALS, RUNS, ALERTS, StopView(), DEEDS)
QUIET = BenchView("live", "", StatusView("studio-example", 1, 0), (INES,))
FLYING = DeedView(
    "a15", "Offer for the sleeves", "approved", None, "sent", NOW_US - 800_000,
    "mail.send", "print@aalto.test", "hash-15",
)  # fmt: skip
STOPPED = replace(
    MORNING,
    deeds=(FLYING, *DEEDS),
    stop=StopView(engaged=True, reason="key ctrl+g", by="you", at_us=NOW_US, in_flight=("a15",)),
)


def _alike(number: int, name: str, *, outlier: str = "") -> ApprovalView:
    item = mail(number, f"Reply to {name}", f"{name.lower()}@shop.test", "Your enquiry", "Dear friend")
    return replace(
        item, group="mail.send-c4b2e5", group_items=("a31", "a32", "a33"), ticked=not outlier, outlier=outlier
    )


ALIKE = (_alike(31, "Ana"), _alike(32, "Bo"), _alike(33, "Cy", outlier="new recipient: cy@shop.test"))
ASKED = replace(
    mail(0, "Publish “Spring”?", "", "", "", why="Run r7 of launch waits here; what comes after goes on after a yes."),
    id="r7/review", shown_hash="hash-review", connector="run", verb="go_on", risk="medium", targets=(), gate=True, run="r7",
    step="review", args={"question": "Publish “Spring”?", "draft.text": "Hello, all"}, hold_s=None, rule="review",
    rule_where="playbooks/launch", rule_reasons=("its playbook asks you here; actions after it still meet your rules",),
    undo="an answer stands; a yes is taken back by rolling the run back", confidence=None,
)  # fmt: skip
TOGETHER = BenchView("live", "", STATUS, (ASKED, *ALIKE))
