"""How an effect is taken back: what its action declares, else what its verb has, else the best correction there is.

Nothing here writes. `way_back` says for any action what undoing it means, in words and as a proposal; undoing.py
proposes that, and it goes through policy and approval like any other action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from .entities import Action, Evidence, Plain
from .expressions import Unanswerable, resolve
from .orders import ProposedAction
from .verbs import VERBS

Kind = Literal["withdraw", "compensate", "correct", "wait", "cannot"]
QUOTE_CHARS_MAX = 200
NOT_LEFT = frozenset(("proposed", "held"))
UNDER_WAY = frozenset(("intent", "sent", "unknown"))
STANDING = frozenset(("succeeded", "compensation_failed"))


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """withdraw    it has not left and never will            wait    its outcome decides, so that comes first
    compensate  another action takes it back, wholly      correct it stays in the world; a second one says so
    cannot      nothing of ours helps

    verb, args: of the action to propose. Without a verb somebody has to work it out first, see correcting.py: the agent,
    which gets args as its input and reads as what it is shown; else, of a mail, the playbook that writes corrections.
    """

    kind: Kind
    says: str
    verb: str = ""
    args: Plain = {}
    agent: str = ""
    reads: Plain = {}


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A compensation that somebody wrote for exactly this case: a verb with its arguments, or an agent with its input.

    values: names that args and reads may use.
    """

    verb: str = ""
    args: Plain = {}
    agent: str = ""
    reads: dict[str, Plain] = {}
    values: Plain = {}


def way_back(action: Action, declared: Declared | None = None) -> Way:
    """Return how this action is undone as it stands.

    declared: the compensation of its step in the playbook; what the action itself declares is stronger.
    """
    if action.status in NOT_LEFT:
        return Way(kind="withdraw", says="it has not left; it is withdrawn")
    if action.status in UNDER_WAY:
        return Way(kind="wait", says=_waits(action))
    if action.status not in STANDING:
        return Way(kind="cannot", says=_nothing_to_do(action))
    if action.compensation:  # Only a playbook may name an agent.
        own = msgspec.convert(action.compensation, Declared)
        declared = Declared(verb=own.verb, args=own.args)
    if declared is not None:
        return _declared(action, declared)
    name = f"{action.connector}.{action.verb}"
    maker = MAKERS.get(name)
    return maker(action) if maker else Way(kind="cannot", says=f"{name} has no way back; it stays as it is")


def _waits(action: Action) -> str:
    if action.status == "unknown":
        return f"nobody knows yet whether it left; settle it first: quarterdeck settle {action.id}"
    return "it is on the wire; its outcome is waited for"


def _nothing_to_do(action: Action) -> str:
    if action.status == "compensated":
        return f"{action.compensated_by} took it back already"
    if action.status == "withdrawn":
        return "it was withdrawn and never left; it does not come back by itself: start its playbook again"
    return f"it is {action.status}: it never happened"


def _declared(action: Action, own: Declared) -> Way:
    """Its arguments may name `${result.x}`, `${args.x}`, `${action.x}`, and in a playbook what a step may name."""
    name = own.agent or (own.verb if "." in own.verb else f"{action.connector}.{own.verb}")
    about: Plain = {"id": action.id, "operation_id": action.operation_id, "targets": list(action.targets)}
    values: Plain = {**own.values, "args": action.args, "result": action.result, "action": about}
    try:
        args, reads = resolve(own.args, values), resolve(own.reads, values)
    except Unanswerable as error:
        return Way(kind="cannot", says=f"its compensation {name} cannot be filled in: {error}")
    assert isinstance(args, dict), "a map stays a map"
    assert isinstance(reads, dict), "a map stays a map"
    if own.agent:
        says = f"the agent {own.agent} works out what takes it back"
        return Way(kind="compensate", says=says, agent=own.agent, args=args, reads=reads)
    if name not in VERBS:
        return Way(kind="cannot", says=f"its compensation names {name}, which no connector offers")
    return Way(kind="compensate", says=f"{name} takes it back", verb=name, args=args)


# --- one maker for each verb that has a way back ----------------------------------------------------


def _restore(action: Action) -> Way:
    path, written = action.result.get("path"), action.result.get("hash")
    before = action.result.get("previous")
    if not isinstance(path, str) or not isinstance(written, str) or not isinstance(before, str):
        return Way(kind="cannot", says="what was there before is not known")
    says = f"{path} gets back what it held" if before else f"{path}, which was new, goes away"
    args: Plain = {"path": path, "content": before, "expected": written}
    return Way(kind="compensate", says=says, verb="files.restore", args=args)


def _refund(action: Action) -> Way:
    args: Plain = {
        "to": action.args.get("to"),
        "amount": action.args.get("amount"),
        "currency": action.args.get("currency"),
        "payment": action.operation_id,
    }
    return Way(kind="compensate", says="the payment is asked back", verb="practice.refund", args=args)


def _cancel(action: Action) -> Way:
    args: Plain = {"room": action.args.get("room"), "booking": action.result.get("booking", action.operation_id)}
    return Way(kind="compensate", says="the booking is cancelled", verb="practice.cancel", args=args)


def _book_again(action: Action) -> Way:
    day = action.result.get("day")
    if not isinstance(day, str) or not day:
        return Way(kind="cannot", says="nobody kept what was booked")
    args: Plain = {"room": action.args.get("room"), "day": day}
    return Way(kind="compensate", says="it is booked anew", verb="practice.book", args=args)


def _follow_up(action: Action) -> Way:
    said = str(action.args.get("text", ""))
    quote = said if len(said) <= QUOTE_CHARS_MAX else said[: QUOTE_CHARS_MAX - 1] + "…"
    args: Plain = {"channel": action.args.get("channel"), "text": f"Please disregard our earlier post: “{quote}”"}
    says = "it cannot be taken down; a second post will say that it does not count"
    return Way(kind="correct", says=says, verb="practice.post", args=args)


def _correct_mail(action: Action) -> Way:
    says = "it has left and cannot be called back; a correction mail will wait for your approval"
    return Way(kind="correct", says=says)


MAKERS: dict[str, Callable[[Action], Way]] = {
    "mail.send": _correct_mail,
    "files.write": _restore,
    "files.restore": _restore,
    "practice.pay": _refund,
    "practice.book": _cancel,
    "practice.cancel": _book_again,
    "practice.post": _follow_up,
}


def proposal_of(action: Action, way: Way, reason: str) -> ProposedAction:
    """Return the action that carries out a way back which has a verb."""
    assert way.verb, "what has to be worked out first is no proposal yet"
    connector, _, verb = way.verb.partition(".")
    return _proposal(
        action,
        connector,
        verb,
        way.args,
        summary=f"Take back {action.id}: {action.summary}",
        why=reason or f"{action.id} is taken back: {way.says}.",
        risks=("What was done stays known to whoever saw it.",) if way.kind == "correct" else (),
    )


def plain_correction(action: Action, operator: str, reason: str) -> ProposedAction:
    """Return a correction of a mail in plain words, for a workspace that has nothing better."""
    subject, message_id = str(action.args.get("subject", "")), action.result.get("message_id", "")
    name = operator.partition("<")[0].strip()
    told: Plain = {
        "subject": subject if subject.lower().startswith("re:") else f"Re: {subject}",
        "body": f"Hello,\n\nplease disregard my last message; it was sent by mistake.\n\n{name}\n",
        "in_reply_to": message_id,
        "references": [message_id],
    }
    return _proposal(
        action,
        action.connector,
        action.verb,
        {name: told.get(name, value) for name, value in action.args.items()},
        summary=f"Correct {action.id}: {action.summary}",
        why=reason or f"You took back {action.id} after it had left.",
        risks=("The first mail has been received; the correction does not remove it.",),
    )


def _proposal(
    action: Action, connector: str, verb: str, args: Plain, *, summary: str, why: str, risks: tuple[str, ...]
) -> ProposedAction:
    return ProposedAction(
        connector=connector,
        verb=verb,
        args=args,
        targets=(),
        summary=summary,
        why=why,
        evidence=(Evidence(claim="the action that is taken back", source=f"action:{action.id}"),),
        confidence=1.0,
        risks=risks,
        undo="Until the hold ends it can be withdrawn.",
        compensates=action.id,
    )
