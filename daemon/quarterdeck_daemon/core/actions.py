"""Actions: proposed by agents, judged by policy, decided by the operator, carried out by the effector.

    proposed ─┬─ denied                        (policy)
              ├─ rejected / expired / withdrawn
              └─ held ── intent ── sent ─┬─ succeeded ── compensated / compensation_failed
                   │                     ├─ failed
                   └─ withdrawn          └─ unknown ── (looked for, or settled by the operator)

What a doubtful outcome leads to depends on the verb's class. A has a key of its own: it is sent again under it.
B is looked for on the other side, a few times. C is never sent again and nobody can look: the operator is asked.

Invariant: `effect.intended` is emitted in one place only, and that place asserts that the arguments'
hash equals the one that the policy or the operator permitted.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from .admission import may_leave
from .alerts import raise_alert, settle_topic
from .calibration import calibrated
from .commands import Command, EffectAnswered, EffectStarted, SettleAction
from .considered import alternatives, made_with
from .cooling import ask_again, reread
from .entities import UNDO_ITEM_OVER, Action, Plain, Record, Run, Step, Stop, Undoing, Verdict
from .forking import fork_of
from .grants import use
from .hashing import action_hash, value_hash
from .lookup import find
from .obstacles import obstacles, offered
from .orders import EffectAbsent, EffectDone, Failed, Failure, ProposedAction
from .policy import Question, judge
from .questions import Asker, policies, question_of, seen_in
from .room import blocked, effect_work
from .settings import settings_of
from .track import confidence_of, record_id
from .turn import Turn
from .undo_plan import mends
from .verbs import VERBS, class_of, targets_of
from .waiting import warning

EFFECT_TRIES_MAX = 5
EFFECT_BACKOFF_US = 2_000_000
LOOK_WAITS_US = (
    2_000_000,
    10_000_000,
    60_000_000,
)  # Before each look for a doubtful outcome; then the operator is asked.
DOUBTFUL = frozenset(("uncertain", "crash", "timeout"))


# --- proposing ------------------------------------------------------------------------------------


def propose(turn: Turn, run: Run, step: Step, proposed: ProposedAction, labels: Labels) -> str:
    """Record what an agent asks for and what the policy says to it. Returns the action's id."""
    return propose_as(
        turn, proposed, labels, agent=step.agent, run=run.id, step=step.id, made_from=_seen_by(run),
        mended=mends(run),
    )  # fmt: skip


def _seen_by(run: Run) -> tuple[str, ...]:
    seen = {source: None for step in run.steps.values() for source in step.sources}
    return (f"run:{run.id}", *seen)


def propose_as(
    turn: Turn, proposed: ProposedAction, labels: Labels, *, agent: str, run: str = "", step: str = "",
    made_from: tuple[str, ...] = (), mended: str = "",
) -> str:  # fmt: skip
    """Propose for anybody. mended: the action that its run is to take back. Returns the action's id."""
    id = f"a{turn.number('a')}"
    name = f"{proposed.connector}.{proposed.verb}"
    targets = targets_of(name, proposed.args) if name in VERBS else proposed.targets
    settings = settings_of(turn.draft)
    asker = Asker(agent=agent, run=run, now_us=turn.env.now_us, last_us=turn.env.last_us)
    question = question_of(
        turn.draft, proposed.connector, proposed.verb, proposed.args, labels, asker, targets=proposed.targets
    )
    verdict = _judge(turn, question)
    record = turn.draft.get(Record, record_id(agent, name))
    confidence, basis = confidence_of(record)
    body: Plain = {
        **msgspec.to_builtins(proposed),
        **_explained(turn, proposed, record, confidence, turn.draft.get(Run, run) if run else None, made_from),
        "confidence": confidence,  # Counted from the record; what the agent says of itself is kept as its claim.
        "claimed": proposed.confidence,
        "basis": basis,
        "seen": seen_in(question),
        "rests": {"offers": offered(name)},
        "action": id,
        "targets": list(targets),
        "shown_hash": action_hash(proposed.connector, proposed.verb, proposed.args, targets),
        "operation_id": f"qd-{value_hash([id, turn.seq, proposed.args, *fork_of(turn.draft)])[:32]}",
        "agent": agent,
        "run": run,
        "step": step,
        "verdict": msgspec.to_builtins(verdict),
        "expires_us": turn.env.now_us + settings.expires_us,
        **warning(turn, turn.env.now_us + settings.expires_us),
        "compensates": _mended(turn, proposed, agent, mended),
        "made_from": list(made_from),
    }
    turn.emit("action.proposed", body, run=run or None, labels=labels, actor=f"agent:{agent}")
    if verdict.verdict == "deny":
        turn.emit("action.denied", {"action": id, "rule": verdict.rule}, run=run or None, labels=labels)
    elif verdict.verdict == "allow":
        by = f"grant:{verdict.grant}" if verdict.grant else f"policy:{verdict.rule}"
        turn.emit("action.permitted", {"action": id, "by": by}, run=run or None, labels=labels)
        if verdict.grant:
            use(turn, verdict.grant, id)
        hold(turn, find(turn, Action, id))
    return id


def _explained(
    turn: Turn, proposed: ProposedAction, record: Record | None, confidence: float | None, run: Run | None,
    made_from: tuple[str, ...],
) -> Plain:  # fmt: skip
    """What a proposal carries beside the rule: what the confidence was worth, lessons and template, what else there was."""
    others = alternatives(turn.draft, run, proposed.alternatives, made_from, proposed.evidence)
    found: Plain = {
        "calibrated": calibrated(record, confidence),
        "alternatives": msgspec.to_builtins(others),
        "made_with": list(made_with(turn.draft, made_from, proposed.evidence)),
    }
    return {name: value for name, value in found.items() if value}


def _judge(turn: Turn, question: Question) -> Verdict:
    return judge(question, policies(turn.draft), hold_us=settings_of(turn.draft).hold_us)


def judge_again(turn: Turn, action: Action, args: Plain, *, obstacles: tuple[str, ...] = ()) -> Verdict:
    """What the rules of now say to an action that was proposed under the rules of then. obstacles: what came between."""
    asker = Asker(
        agent=action.agent,
        run=action.run,
        now_us=turn.env.now_us,
        last_us=turn.env.last_us,
        used=action.verdict.grant,
    )
    question = question_of(turn.draft, action.connector, action.verb, args, action.labels, asker)
    return _judge(turn, msgspec.structs.replace(question, obstacles=obstacles))


def _mended(turn: Turn, proposed: ProposedAction, agent: str, named: str) -> str:
    """The action that this one takes back, if it really is one that left. By an agent's word alone: through its connector."""
    id = named or proposed.compensates
    mended = turn.draft.get(Action, id) if id else None
    if mended is None or mended.status not in ("succeeded", "compensation_failed"):
        return ""
    return mended.id if named or agent == "kernel" or mended.connector == proposed.connector else ""


# --- going out ------------------------------------------------------------------------------------


def refuse_when_stopped(turn: Turn) -> None:
    stop = turn.draft.get(Stop, "stop")
    if stop is not None and stop.engaged:
        raise QuarterdeckError("stopped", f"everything outward is stopped: {stop.reason}", hint="quarterdeck resume")


def hold(turn: Turn, action: Action) -> None:
    body: Plain = {"action": action.id, "until_us": turn.env.now_us + action.verdict.hold_us}
    turn.emit("action.held", body, run=action.run or None, labels=action.labels)


def release(turn: Turn, action: Action) -> None:
    """The hold is over: record the intent. After this the effect may happen."""
    stop = turn.draft.get(Stop, "stop")
    if (stop is not None and stop.engaged) or _run_is_paused(turn, action) or _waits_its_turn(turn, action):
        return
    assert action.status == "held", "only a held action is released"
    corrected = turn.draft.get(Action, action.compensates) if action.compensates else None
    if corrected is not None and corrected.status == "compensated":
        gone: Plain = {"action": action.id, "reason": f"{corrected.id} was taken back already", "was": "held"}
        turn.emit("action.withdrawn", gone, run=action.run or None, labels=action.labels)
        return
    came = obstacles(turn, action)
    verdict = judge_again(turn, action, action.args, obstacles=came)
    if came:
        ask_again(turn, action, msgspec.structs.replace(verdict, verdict="ask"), came)
        return
    if verdict.verdict == "deny" or (action.approval is None and verdict.verdict != "allow"):
        # The operator has tightened the rules since; that counts for what has not left yet.
        why: Plain = {"action": action.id, "reason": f"{verdict.rule} ({verdict.where}) no longer allows it"}
        turn.emit("action.withdrawn", {**why, "was": "held"}, run=action.run or None, labels=action.labels)
        return
    if reread(turn, action, verdict) or not may_leave(turn, action):
        return
    _intend(turn, action)


def _intend(turn: Turn, action: Action) -> None:
    """The only place that lets an effect out: what was permitted, to the letter, and nobody has sent it since."""
    stop = turn.draft.get(Stop, "stop")
    hash = action_hash(action.connector, action.verb, action.args, action.targets)
    assert stop is None or not stop.engaged, "nothing leaves while everything is stopped"
    assert action.status in ("held", "unknown"), "only what waits is let out"
    assert permitted_hash(action) == hash, "what would leave is not what was permitted"
    body: Plain = {"action": action.id, "epoch": stop.epoch if stop else 0, "approved_hash": hash}
    turn.emit("effect.intended", body, run=action.run or None, labels=action.labels)


def _run_is_paused(turn: Turn, action: Action) -> bool:
    """What a paused run was about to send waits with it, unless it was named after a stop or takes something back."""
    run = turn.draft.get(Run, action.run) if action.run and not (action.compensates or action.let_go) else None
    return run is not None and run.status == "paused"


def _waits_its_turn(turn: Turn, action: Action) -> bool:
    """Kept back after a stop, or it takes back something older than what is not yet taken back."""
    return bool(action.held_back) or (bool(action.compensates) and _is_behind(turn, action))


def _is_behind(turn: Turn, action: Action) -> bool:
    for undoing in turn.draft.live(Undoing):
        mine = next((place for place, item in enumerate(undoing.items) if item.by == action.id), 0)
        if any(item.state not in UNDO_ITEM_OVER for item in undoing.items[:mine]):
            return True
    return False


def permitted_hash(action: Action) -> str:
    """The hash that a recorded decision allows: the approval's, or the proposal's when the policy allowed it."""
    if action.approval is not None:
        return action.approval.shown_hash
    return action.shown_hash if action.verdict.verdict == "allow" else ""


def effect_started(turn: Turn, command: EffectStarted) -> Plain:
    action = find(turn, Action, command.action)
    if action.status == "intent":
        turn.emit("effect.sent", {"action": action.id}, run=action.run or None, labels=action.labels)
    return {"id": action.id}


def effect_answered(turn: Turn, command: EffectAnswered) -> Plain:
    action = find(turn, Action, command.action)
    if action.status not in ("intent", "sent", "unknown"):
        return {"ignored": True}
    outcome = command.outcome
    if isinstance(outcome, EffectDone):
        _succeeded(turn, action, outcome.result, already=outcome.already)
    elif isinstance(outcome, EffectAbsent):
        _send_again(turn, action, 0, "it did not happen")
    elif isinstance(outcome, Failed):
        _effect_failed(turn, action, outcome.failure)
    return {"id": action.id, "status": find(turn, Action, action.id).status}


def _succeeded(turn: Turn, action: Action, result: Plain, *, already: bool = False) -> None:
    _doubt_is_over(turn, action, "it happened")
    body: Plain = {"action": action.id, "result": result, "already": already}
    turn.emit(
        "effect.succeeded", body, run=action.run or None, labels=action.labels, actor=f"connector:{action.connector}"
    )
    if action.compensates:
        corrected = find(turn, Action, action.compensates)
        turn.emit("action.compensated", {"action": corrected.id, "by": action.id}, run=corrected.run or None)


def _effect_failed(turn: Turn, action: Action, failure: Failure) -> None:
    error: Plain = msgspec.to_builtins(failure)
    # A repetition under the same key that is refused says nothing about the first time.
    if failure.failure in DOUBTFUL or action.status == "unknown" or action.error.get("failure") in DOUBTFUL:
        _in_doubt(turn, action, error)
    elif failure.failure == "stopped":
        # The fence knows of a stop that the log has yet to hear of: no hot loop until it has.
        _send_again(turn, action, EFFECT_BACKOFF_US, failure.message, failure="stopped")
    elif failure.failure == "transient" and action.tries < EFFECT_TRIES_MAX:
        _send_again(
            turn, action, max(EFFECT_BACKOFF_US * 2**action.tries, failure.wait_ms * 1_000), failure.message,
            failure="transient",
        )  # fmt: skip
    else:
        _failed(turn, action, error)


def _failed(turn: Turn, action: Action, error: Plain) -> None:
    _doubt_is_over(turn, action, "it did not happen")
    turn.emit("effect.failed", {"action": action.id, "error": error}, run=action.run or None, labels=action.labels)
    if action.compensates:
        turn.emit("action.compensation_failed", {"action": action.compensates, "by": action.id})


# --- doubt ----------------------------------------------------------------------------------------


def _in_doubt(turn: Turn, action: Action, error: Plain) -> None:
    """It may have happened. What is done next depends on what the other side can be asked."""
    effect_class = class_of(f"{action.connector}.{action.verb}")
    look_us: int | None = None
    if effect_class == "A" and action.tries < EFFECT_TRIES_MAX:
        # The other side knows the key: sent again, it happens once all the same. It stays `unknown` until then.
        look_us = turn.env.now_us + EFFECT_BACKOFF_US * 2 ** (action.tries - 1)
    elif effect_class == "B" and action.looks < len(LOOK_WAITS_US):
        look_us = turn.env.now_us + LOOK_WAITS_US[action.looks]
    body: Plain = {"action": action.id, "error": error, "look_us": look_us}
    turn.emit("effect.unknown", body, run=action.run or None, labels=action.labels)
    if look_us is None:
        _hand_over(turn, action)


def _hand_over(turn: Turn, action: Action) -> None:
    """Only the operator can find out."""
    raise_alert(
        turn,
        "critical",
        doubt_topic(action.id),
        f"nobody knows whether {action.id} left the house: {action.summary}",
        hint=f"Find out, then: quarterdeck settle {action.id} --happened, or --absent",
        about=(f"action:{action.id}",),
        labels=action.labels,
    )


def doubt_topic(id: str) -> str:
    return f"effect.unknown/{id}"


def _doubt_is_over(turn: Turn, action: Action, how: str) -> None:
    if action.status == "unknown":
        settle_topic(turn, doubt_topic(action.id), how)


def look(turn: Turn, action: Action) -> None:
    """The time has come to ask the other side what became of it, or to say it once more under the same key."""
    if class_of(f"{action.connector}.{action.verb}") == "A":
        stop = turn.draft.get(Stop, "stop")
        if stop is None or not stop.engaged:
            _say_again(turn, action)
        return
    turn.emit("effect.looked_for", {"action": action.id}, run=action.run or None, labels=action.labels)


def _say_again(turn: Turn, action: Action) -> None:
    """Once more under its key, if limits have room. If not it stays in doubt: what may have left is not withdrawn."""
    block = blocked(turn, effect_work(turn, action))
    if block is None:
        _intend(turn, action)
        return
    never = block.over == "stop" or block.per == "ever"
    look_us = None if never else max(turn.env.now_us + LOOK_WAITS_US[-1], block.until_us or 0)
    body: Plain = {"action": action.id, "error": action.error, "look_us": look_us, "waits": block.why}
    turn.emit("effect.unknown", body, run=action.run or None, labels=action.labels)
    if never:
        _hand_over(turn, action)


def _send_again(turn: Turn, action: Action, wait_us: int, reason: str, *, failure: str = "") -> None:
    """It provably did not leave, or may be repeated: hold it again, under the same operation id. failure: its class."""
    _doubt_is_over(turn, action, "it did not happen")
    body: Plain = {"action": action.id, "until_us": turn.env.now_us + wait_us, "reason": reason}
    body |= {"failure": failure} if failure else {}
    turn.emit("action.held", body, run=action.run or None, labels=action.labels)


def settle(turn: Turn, command: SettleAction) -> Plain:
    action = find(turn, Action, command.id)
    if action.status != "unknown":
        raise QuarterdeckError("conflict", f"{action.id} is {action.status}; only an unknown outcome can be settled")
    if command.happened:
        _succeeded(turn, action, {"settled_by": turn.actor, "reason": command.reason})
    else:
        _failed(turn, action, {"code": "settled", "message": command.reason or "the operator says it did not happen"})
    return {"id": action.id, "status": find(turn, Action, action.id).status}


# --- time -----------------------------------------------------------------------------------------


def expire(turn: Turn, action: Action) -> None:
    body: Plain = {"action": action.id}
    turn.emit("action.expired", body, run=action.run or None, labels=action.labels)


def wake(turn: Turn, action: Action, now: int) -> None:
    """Something about this action was due: its hold, its expiry or a look for what became of it."""
    if action.status == "held" and action.release_us is not None and action.release_us <= now:
        release(turn, action)
    elif action.status == "proposed" and action.expires_us is not None and action.expires_us <= now:
        expire(turn, action)
    elif action.status == "unknown" and action.look_us is not None and action.look_us <= now:
        look(turn, action)


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    EffectStarted: effect_started,
    EffectAnswered: effect_answered,
    SettleAction: settle,
}
