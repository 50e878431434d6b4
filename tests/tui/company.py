"""What a daemon answers about the practice studio: runs, dead letters, rules, agents, figures. Every name is invented."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_tui.replies import iso
from quarterdeck_tui.wire import Plain

from .studio import HOUR_US, MINUTE_US, NOW_US

Answer = Callable[[Plain], Plain]
SECOND_US = 1_000_000


def ago(us: int) -> str:
    return iso(NOW_US - us)


def step(id: str, status: str = "pending", *, began: int = 0, took: int = 0, **more: object) -> Plain:
    """began: microseconds before now, 0 for not yet.  took: 0 while it is at work."""
    times: Plain = {"started_at": ago(began) if began else None, "ended_at": ago(began - took) if took else None}
    return {"id": id, "status": status, "attempts": int(began > 0), "tries_max": 4, **times, **more}


MONTH_STEPS = [
    step("fetch-mails", "succeeded", began=120 * SECOND_US, took=900_000, agent="finance", output={"mails": 31}),
    step("read-invoices", "succeeded", began=119 * SECOND_US, took=4_100_000, agent="capture", output={"invoices": 9}),
    step("bank-statement", "succeeded", began=119 * SECOND_US, took=1_200_000, agent="finance"),
    step(
        "match", "started", began=12 * SECOND_US, agent="finance", needs=["fetch-mails", "read-invoices", "bank-statement"],
        does="Match invoices to orders", input={"month": "2026-11", "tolerance": 0.01}, timeout="30s",
    ),
    step(
        "duplicate", "waiting", began=8 * SECOND_US, needs=["bank-statement"], gate="Is 2026-114 a duplicate of 2026-113?",
        input={"a": "2026-113", "b": "2026-114", "same_amount": True},
    ),
    step("book", agent="finance", needs=["match", "duplicate"]),
    step("vat", agent="finance", needs=["match", "duplicate"]),
    step("report", agent="composer", needs=["vat"], does="Write the month's report"),
    step("archive", agent="executor", needs=["vat", "book"]),
]  # fmt: skip
GATE = {"id": "r2221/duplicate", "step": "duplicate", "text": "Is 2026-114 a duplicate of 2026-113?"}


def run(id: str, playbook: str, status: str, done: int, total: int, began: int, **more: object) -> Plain:
    return {
        "id": id, "run_id": id, "playbook": playbook, "status": status, "steps_done": done, "steps_total": total,
        "at": ago(began), **more,
    }  # fmt: skip


LIVE: list[Plain] = [
    run("r2221", "close-month", "running", 3, 9, 2 * MINUTE_US, gates=[GATE], origin="schedule:s2"),
    run("r2219", "lead-to-outreach", "running", 3, 5, 41 * SECOND_US, waits_for=["a17"]),
    run("r2214", "competitors", "paused", 2, 7, 3 * HOUR_US, reason="wrong market"),
    run(
        "r2209", "weekly-report", "quarantined", 1, 4, 5 * HOUR_US, trouble="its playbook names an agent that is gone"
    ),
]
OVER: list[Plain] = [
    run("r2207", "nightly-backup", "succeeded", 1, 1, 9 * HOUR_US, ended_at=ago(8 * HOUR_US)),
    run("r2206", "follow-ups", "failed", 2, 5, 10 * HOUR_US, reason="send: 550 mailbox unknown"),
]
MONTH: Plain = {
    **LIVE[0], "steps": MONTH_STEPS, "inputs": {"month": "2026-11"}, "labels": {}, "cost": "0.08",
    "deadline_at": iso(NOW_US + 2 * HOUR_US),
}  # fmt: skip
OUTREACH: Plain = {
    **LIVE[1],
    "steps": [
        step("qualify", "succeeded", began=40 * SECOND_US, took=2_000_000, agent="qualifier"),
        step("draft", "waiting", began=30 * SECOND_US, agent="composer", needs=["qualify"], actions=["a17"]),
        step("send", agent="outreach", needs=["draft"]),
    ],
}


def runs(params: Plain) -> Plain:
    return {"items": LIVE if params.get("live") else [*LIVE, *OVER], "next": None}


def one_run(params: Plain) -> Plain:
    known = {str(one["id"]): one for one in (MONTH, OUTREACH, *LIVE[2:], *OVER)}
    return {"steps": [], **known[str(params["id"])]}


def done(params: Plain) -> Plain:
    return {"id": str(params.get("id", "")), "seq": 1, "undo": ""}


FLOWS: dict[str, Answer] = {
    "run.list": runs,
    "run.get": one_run,
    **{f"run.{verb}": done for verb in ("pause", "resume", "cancel", "retry_step", "skip_step", "reassign")},
    "run.edit_step": lambda params: {**done(params), "step": params["step"], "status": "pending"},
}
DEAD_FIRST: Plain = {
    "id": "dead4", "run": "r2206", "step": "send", "agent": "outreach", "playbook": "follow-ups", "attempts": 5,
    "at": ago(10 * HOUR_US), "error": {"message": "550 5.1.1 mailbox unknown", "code": "refused"},
    "diagnosis": "The other side refused it. Likely an address, a permission or the content is at fault. It was tried 5 times.",
    "remedies": [
        "quarterdeck dead retry dead4", "quarterdeck dead edit dead4 NAME=VALUE", "quarterdeck dead reroute dead4 AGENT",
        "quarterdeck runs skip r2206 send", "quarterdeck dead compensate dead4", "quarterdeck dead drop dead4",
    ],
    "escalated": True,
}  # fmt: skip
DEAD_OPENED: Plain = {
    **DEAD_FIRST,
    "failures": [
        {"attempt": tries, "at": ago((15 - tries) * HOUR_US), "agent": "outreach", "error": DEAD_FIRST["error"]}
        for tries in range(1, 6)
    ],
    "input": {"to": "info@baretto.test", "template": "follow-up-v3"},
}  # fmt: skip
DEAD_EFFECT: Plain = {
    "id": "dead3", "run": "r2190", "step": "", "action": "a9", "agent": "executor", "attempts": 3, "at": ago(20 * HOUR_US),
    "error": {"message": "disk full (remote)"}, "diagnosis": "The disk is full. Nothing is wrong with the work itself.",
    "remedies": ["quarterdeck dead retry dead3", "quarterdeck dead drop dead3"],
}  # fmt: skip
DEAD_OVER: Plain = {**DEAD_EFFECT, "id": "dead1", "resolved": "dropped: spam", "remedies": []}


def dead(params: Plain) -> Plain:
    return {"items": [DEAD_FIRST, DEAD_EFFECT, *([DEAD_OVER] if params.get("all") else [])], "next": None}


def one_dead(params: Plain) -> Plain:
    return {"dead4": DEAD_OPENED, "dead3": DEAD_EFFECT, "dead1": DEAD_OVER}[str(params["id"])]


DEAD: dict[str, Answer] = {"deadletter.list": dead, "deadletter.get": one_dead, "deadletter.resolve": done}

RULES: list[Plain] = [
    {
        "id": "policy/mail", "path": "policies/mail.toml", "error": "",
        "details": {"rules": [
            {"id": "mail.answer", "match": "mail.send", "when": "recipients.count == 1 && recipients.unknown == 0",
             "verdict": "ask", "risk": "low", "reason": "A single answer to somebody you know."},
            {"id": "mail.external", "match": "mail.*", "when": "", "verdict": "ask", "risk": "medium"},
            {"id": "mail.lists", "match": "mail.send", "when": "recipents.count > 5", "verdict": "deny", "risk": "high",
             "problem": "there is no term recipents"},
        ]},
    },
    {"id": "policy/money", "path": "policies/money.toml", "error": "line 3: a value is missing", "details": {}},
    {
        "id": "preset/balanced", "path": "preset balanced", "error": "",
        "details": {"rules": [{"id": "files.inside", "match": "files.*", "verdict": "allow", "risk": "low"}]},
    },
]  # fmt: skip
GRANTS: list[Plain] = [
    {"id": "g2", "agent": "composer", "action": "mail.send", "to": ["*@northwind.test", "known"], "uses_max": 50, "used": 7,
     "left": 43, "per_day": 5, "status": "active", "expires_at": iso(NOW_US + 6 * 24 * HOUR_US), "by": "operator"},
    {"id": "g1", "agent": "finance", "action": "payment.transfer", "to": ["known"], "uses_max": 3, "used": 3, "left": 0,
     "amount_max": 5000, "status": "used_up", "expires_at": ago(HOUR_US), "by": "operator"},
]  # fmt: skip
EXPLAINED: Plain = {
    "verdict": "ask", "rule": "mail.answer", "where": "policies/mail.toml", "risk": "low", "hold_us": 8_000_000,
    "reasons": ["A single answer to somebody you know."],
    "tried": [
        {"rule": "mail.lists", "where": "policies/mail.toml", "outcome": "not matched", "terms": {"recipients.count": 1}},
        {"rule": "mail.answer", "where": "policies/mail.toml", "outcome": "matched", "terms": {"recipients.unknown": 0}},
    ],
    "spoke": [{"number": "R2", "word": "ask", "reason": "what text from outside shaped asks"}],
    "confidence": 0.91, "basis": "48 of 51 like it were approved",
}  # fmt: skip
TESTED: Plain = {
    "compared": 231, "counts": {"same": 215, "allowed": 14, "asked": 2, "denied": 0}, "against": 1,
    "items": [
        {"id": "a6", "agent": "composer", "action": "mail.send", "summary": "Answer Halden", "was": "ask", "now": "allow",
         "change": "allowed", "became": "rejected", "decided": "rejected", "rule": "mail.known"},
    ],
    "slips": ["rule x: there is no term recipents"],
}  # fmt: skip
POLICIES: dict[str, Answer] = {
    "policy.list": lambda params: {"items": RULES, "next": None},
    "policy.grants": lambda params: {"items": GRANTS, "next": None},
    "policy.explain": lambda params: EXPLAINED,
    "policy.test": lambda params: TESTED,
    "policy.grant": lambda params: {"id": "g3", "expires_at": ago(0), "uses_max": 20, "seq": 9},
    "policy.revoke": done,
}

AGENT_LIST: list[Plain] = [
    {
        "id": "composer", "name": "composer", "version": "3", "path": "built in", "description": "Writes letters in your voice",
        "details": {
            "mode": "creative", "work": "prompt", "effects": ["mail.send"], "facts": [], "reads": ["style", "letter"],
            "scope": {"facts": ["price", "client"], "tiers": ["core"]}, "sla": "60s", "at_once": 2,
            "intents": ["answer the mail", "write a letter"],
        },
    },
    {
        "id": "finance", "name": "finance", "version": "1", "path": "agents/finance.md", "description": "Keeps the books",
        "details": {"mode": "deterministic", "work": "code", "effects": ["payment.transfer", "mail.send"], "facts": ["invoice"]},
    },
    {"id": "executor", "name": "executor", "description": "Files things", "details": {"mode": "deterministic", "work": "code"}},
]  # fmt: skip
LEVEL_LIST: list[Plain] = [
    {"id": "composer/mail.send", "agent": "composer", "action": "mail.send", "level": "act_with_approval",
     "proposed": "act_and_report", "why": "31 good ends in a row", "confidence": 0.93, "basis": "48 of 51",
     "track": {"unchanged": 48, "edited": 2, "rejected": 1}, "next": "act_and_report", "needed": 0},
    {"id": "finance/payment.transfer", "agent": "finance", "action": "payment.transfer", "level": "suggest",
     "confidence": None, "track": {"unchanged": 4}, "next": "", "needed": 0},
]  # fmt: skip
BUDGET_LIST: list[Plain] = [
    {"id": "workspace", "per": "day", "over": "escalate", "limit": {"money": 500}, "used": {"money": 184},
     "ends_at": iso(NOW_US + 9 * HOUR_US)},
    {"id": "agent:composer", "per": "day", "limit": {"calls": 50, "tokens": 200_000}, "used": {"calls": 46, "tokens": 41_200},
     "reserved": {"calls": 1}, "waiting": 0, "ends_at": iso(NOW_US + 9 * HOUR_US)},
    {"id": "connector:mail", "per": "at once", "at_once": 2, "in_use": 2, "waiting": 3},
]  # fmt: skip
MODEL_LIST: list[Plain] = [
    {"id": "local-8b", "kind": "language", "ready": True, "used": True, "loaded": True, "routes": ["draft", "route"],
     "tokens_s": 14.2, "first_ms": 820.0, "memory_mb": 5200, "size_bytes": 4_900_000_000, "about": "8 B, 4 bits"},
    {"id": "cloud-small", "kind": "language", "remote": True, "used": True, "problem": "no key", "routes": ["plan"],
     "fix": "quarterdeck config set models.cloud-small.key NAME"},
    {"id": "static", "kind": "embedder", "ready": True, "used": True, "answering": True, "about": "comes along"},
]  # fmt: skip
COST_BY: dict[str, list[Plain]] = {
    "agent": [
        {"id": "agent:finance", "calls": 12, "tokens": 0, "seconds": 3.1, "money": "0"},
        {"id": "agent:composer", "calls": 46, "tokens": 41_200, "seconds": 212.4, "money": "1.02"},
    ],
    "model": [{"id": "model:local-8b", "calls": 31, "tokens": 41_200, "seconds": 190.0, "money": "0"}],
}  # fmt: skip


def cost(params: Plain) -> Plain:
    """Another sum for each day, so that a day drawn in the place of another is seen."""
    day = int(str(params.get("since", ""))[8:10] or 0)
    return {
        "calls": 40 + day, "tokens": 41_200, "seconds": 215.5, "money": f"{day % 5}.{day:02d}", "complete": True,
        "items": COST_BY.get(str(params.get("by")), []),
        "models": {"calls": 31, "reused": 9, "hit_rate": 0.225, "saved": {"tokens": 8_100, "money": "0.21"}},
        "forecast": {"calls": 900, "tokens": 1_200_000, "money": "41.00", "method": "by days"},
    }  # fmt: skip


AGENTS: dict[str, Answer] = {
    "agent.list": lambda params: {"items": AGENT_LIST},
    "agent.autonomy": lambda params: {"items": LEVEL_LIST},
    "budget.list": lambda params: {"items": BUDGET_LIST},
    "model.list": lambda params: {"items": MODEL_LIST},
    "cost.report": cost,
    "agent.set_autonomy": lambda params: {"id": "x", "level": params.get("level", ""), "was": "", "seq": 9},
    "budget.raise": done,
}

WEEK: Plain = {
    "agents": [
        {"id": "composer", "done": 60, "approved": 44, "edited": 4, "rejected": 2, "failed": 1, "undone": 1},
        {"id": "executor", "done": 90, "approved": 0, "edited": 0, "rejected": 0},
    ],
    "attention": {"decisions": 50, "minutes": 25.0, "decisions_target": 140, "minutes_target": 105, "days": 7},
    "lessons": ["m1", "m2"],
}  # fmt: skip
METRICS: dict[str, Answer] = {"cost.report": cost, "digest.get": lambda params: WEEK}

FIND_STEP: Plain = {"id": "find", "agent": "researcher", "does": "Find invoices", "needs": [], "effects": []}
PLAN: Plain = {
    "id": "plan3", "intent": "send the October invoices to the accountant", "status": "ready", "source": "playbook",
    "playbook": "hand-over", "inputs": {"month": "2026-10"}, "question": "", "missing": [],
    "why": {"rule": "intents", "words": "invoices accountant"}, "alternatives": [],
    "steps": [
        FIND_STEP,
        {"id": "send", "agent": "outreach", "does": "Send them", "needs": ["find"],
         "effects": [{"do": "mail.send", "word": "ask", "risk": "medium", "undo": "a correction mail"}]},
    ],
    "foreseen": {"effects": 1, "asks": 1, "cannot_undo": ["mail.send"], "risks": ["a mail cannot be called back"],
                 "most_ms": 60_000, "typical_ms": None, "tokens": 0, "models": [], "unknown": []},
    "shown_hash": "hash-plan3", "run": "", "seq": 12, "confidence": 0.9, "basis": "9 of 10 such plans stood as drafted",
    "evidence": [], "used": ["client:tax-office"], "undo": "a correction mail",
}  # fmt: skip
QUESTION_PLAN: Plain = {
    **PLAN, "id": "plan4", "intent": "when does Halden have to pay?", "playbook": "answer", "steps": [FIND_STEP],
    "foreseen": {"effects": 0, "asks": 0, "unknown": []}, "shown_hash": "hash-plan4",
}  # fmt: skip
ASKING_PLAN: Plain = {
    **PLAN, "id": "plan5", "status": "asks", "question": "Which Ines?", "steps": [], "shown_hash": "", "foreseen": {},
}  # fmt: skip
ANSWERED: Plain = {
    **run("r2230", "answer", "succeeded", 1, 1, SECOND_US),
    "steps": [
        step(
            "find", "succeeded", began=SECOND_US, took=500_000, agent="researcher",
            output={"answer": "On 24 November.", "sources": [{"id": "doc18", "title": "Invoice 2026-114"}]},
        )
    ],
}  # fmt: skip
PLANS: dict[str, Answer] = {
    "intent.submit": lambda params: {"plan": PLAN},
    "plan.get": lambda params: {**PLAN, **({"would": WOULD} if params.get("dry_run") else {})},
    "plan.approve": lambda params: {"plan": params["id"], "run_id": "r2230"},
    "plan.edit": lambda params: {"plan": params["id"], "status": "ready"},
    "plan.reject": lambda params: {"plan": params["id"], "status": "rejected"},
}
WOULD: Plain = {
    "actions": [
        {"connector": "mail", "verb": "send", "summary": "To the accountant", "verdict": {"verdict": "ask"},
         "args": {"to": "kanzlei@tax.test"}},
    ],
    "stops": ["send waits for your yes"], "notes": [],
}  # fmt: skip

ANSWERS: dict[str, Answer] = {**FLOWS, **DEAD, **POLICIES, **AGENTS, **METRICS, **PLANS}
