"""Corrector: proposes the mail that takes another one back, to exactly those who got it, in the same thread."""

from __future__ import annotations

from quarterdeck_daemon.core.entities import Evidence, Plain
from quarterdeck_daemon.core.orders import ProposedAction, RunStep, StepDone

from .contract import Agent, AgentFailure, plain_map
from .outside_text import one_line
from .seen import input_map

UNDO = "Until the hold ends it can be withdrawn and nobody sees it."
RISK = "The first mail has been received; the correction does not remove it."


def run(step: RunStep) -> StepDone:
    sent, draft = plain_map(step.context.get("sent")), input_map(step, "draft")
    args, message_id = plain_map(sent.get("args")), str(plain_map(sent.get("result")).get("message_id", ""))
    body, subject = str(draft.get("body") or ""), one_line(str(draft.get("subject") or ""))
    if not body.strip() or not args or not message_id:
        raise AgentFailure("contract", "missing_input", "a correction needs a draft and a mail that was sent")
    references = args.get("references")
    chain = [*references, message_id] if isinstance(references, list) else [message_id]
    to = args.get("to")
    thread: Plain = {"in_reply_to": message_id, "references": list(dict.fromkeys(map(str, chain)))}
    action = ProposedAction(
        connector="mail",
        verb="send",
        args={"to": to, "cc": args.get("cc", []), "subject": subject, "body": body, **thread},
        targets=(),
        summary=f"Correct {sent.get('id')}: {subject}",
        why=f"You took back {sent.get('id')} after it had left.",
        evidence=(Evidence(claim="the mail that is corrected", source=f"action:{sent.get('id')}"),),
        confidence=1.0,
        risks=(RISK,),
        undo=UNDO,
        group="correction",
        compensates=str(sent.get("id")),
    )
    return StepDone(output={"to": to, "subject": subject}, actions=(action,))


CORRECTOR = Agent(name="corrector", run=run)
