"""Every command by name: where it lives and one line about it. Nothing is imported before it is called."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    module: str
    attribute: str
    about: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Every day": {
        "review": Entry("review", "review", "Decide what waits, one by one, in plain lines."),
        "approvals": Entry("approvals", "approvals", "What waits for your yes."),
        "approve": Entry("approvals", "approve", "Say yes to exactly what was shown."),
        "reject": Entry("approvals", "reject", "Say no; nothing leaves."),
        "edit": Entry("edit", "edit", "Change a draft in your editor, then approve it."),
        "snooze": Entry("approvals", "snooze", "Ask again later."),
        "undo": Entry("undoing", "undo", "Take back an action, a run, an agent's doings, a stretch of time."),
        "settle": Entry("actions", "settle", "Say what became of an effect of unknown outcome."),
        "why": Entry("why", "why", "Where something comes from, down to the quote."),
        "digest": Entry(
            "digest", "digest", "The day at a glance: what waits, went out, failed, is late; --evening, --week."
        ),
        "status": Entry("status", "status", "Where everything stands, on one screen."),
        "alerts": Entry("alerts", "alerts", "What you should look at: list, resolve."),
        "runbook": Entry("runbook", "runbook", "What to do when something goes wrong, page by page."),
        "timeline": Entry("timeline", "timeline", "What happened, event by event."),
    },
    "Emergency": {
        "stop": Entry("stop", "stop", "Nothing leaves the house from now on."),
        "resume": Entry("stop", "resume", "Open again after a stop."),
    },
    "Work": {
        "ask": Entry("plans", "ask", "Ask a question, or say what is to be done."),
        "plan": Entry("plans", "plan", "How something would be done: plan TEXT, list, show, edit, approve …"),
        "run": Entry("runs", "run", "Start a playbook."),
        "runs": Entry("runs", "runs", "Look at runs and steer them."),
        "schedules": Entry("schedules", "schedules", "Playbooks that run by themselves: list, add, next, pause …"),
        "tasks": Entry("tasks", "tasks", "What is to be done, and who accepted it: list, add, done, accept …"),
        "objectives": Entry("objectives", "objectives", "What the work is for, and how far it is."),
        "playbooks": Entry("assets", "playbooks", "Workflows: list, validate."),
        "policies": Entry(
            "policies", "policies", "What may leave the house: list, show, explain, test, grant, grants, revoke."
        ),
        "connectors": Entry("assets", "connectors", "Ways in and out."),
        "agents": Entry(
            "records", "agents", "Who does the steps: list, show, new, validate, test, reload, autonomy, record."
        ),
        "dead": Entry("dead", "dead", "Work that gave up: list, show, retry, edit, reroute, compensate, drop."),
        "breakers": Entry("breakers", "breakers", "Who is given no work because it kept failing: list, reset."),
        "lessons": Entry(
            "lessons", "lessons", "What agents were taught, and what it was worth: list, show, withdraw, keep …"
        ),
        "templates": Entry("lessons", "templates", "Templates of mails, and what became of what was made from them."),
        "budget": Entry("budget", "budget", "Limits and budgets: list, raise, set."),
        "cost": Entry("reports", "cost", "What it cost."),
    },
    "Memory": {
        "remember": Entry("remember", "remember", "Keep a note, or files."),
        "recall": Entry("memory", "recall", "Search what is remembered."),
        "memory": Entry("memory", "memory", "Memories: list, show, edit, pin, endorse, health, retention …"),
        "handover": Entry("handover", "handover", "An encrypted archive that is readable without this program."),
        "at": Entry("at", "at", "Any reading command, as of an earlier time."),
        "diff": Entry("time_travel", "diff", "What differs between two moments, whose it is, and why."),
        "snapshot": Entry("time_travel", "snapshot", "Names for moments: create, list, remove."),
        "rewind": Entry("time_travel", "rewind", "Take records back to how they were; can be undone."),
        "fork": Entry("time_travel", "fork", "A new workspace, as this one was then, to try things in."),
        "fact": Entry("proposals", "fact", "Canonical facts: put, get, query, history, link, proposed."),
    },
    "Workspace": {
        "init": Entry("init", "init", "Make a workspace."),
        "demo": Entry("demo", "demo", "The practice company, up to the mails that wait for your yes."),
        "up": Entry("service", "up", "Start the daemon."),
        "down": Entry("service", "down", "End the daemon."),
        "logs": Entry("logs", "logs", "What the processes wrote."),
        "doctor": Entry("doctor", "doctor", "Check the installation; each finding with its fix."),
        "models": Entry("models", "models", "What makes the vectors of recall: list, pull, add, use, remove."),
        "backup": Entry("backup", "backup", "Copies of the log: create, list, verify, forget, restore."),
        "audit": Entry("audit", "audit", "The log: verify, export, trail; what agents did: report."),
        "scopes": Entry("scopes", "scopes", "Who may see and change what of memory."),
        "config": Entry("config", "config", "Settings: path, check, get."),
        "completion": Entry("completion", "completion", "Completion for bash, zsh or fish."),
        "help": Entry("help", "help_topic", "Help on a command or a topic, such as exit-codes."),
        "version": Entry("help", "version", "The versions of program and protocol."),
    },
}
COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
