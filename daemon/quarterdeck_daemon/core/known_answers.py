"""Known answers: where the answer to a question lies that somebody asked before, or is asking now."""

from __future__ import annotations

from .entities import KnownAnswer, ModelCall, ModelIdentity, Models, ModelSpec
from .model_state import ANSWERS, key_of
from .turn import Turn


def key_for(turn: Turn, call: ModelCall, spec: ModelSpec) -> str:
    identity = turn.draft.get(ModelIdentity, spec.name)
    return key_of(spec.id or (identity.model if identity else spec.name), call.request_hash)


def known_answer(turn: Turn, models: Models, call: ModelCall, spec: ModelSpec) -> ModelCall | None:
    """The call whose answer this is, too: of the same model and request, not too old, not forgotten."""
    known = turn.draft.get(KnownAnswer, key_for(turn, call, spec)) if call.repeatable else None
    if known is None or not known.number or turn.env.now_us - known.at_us > models.answers_us:
        return None
    if turn.number(ANSWERS) - known.number > models.answers_max:
        return None
    return turn.draft.get(ModelCall, known.call)


def asked_already(turn: Turn, call: ModelCall, spec: ModelSpec) -> str:
    """The call under way that asks the same of the model of the same name, if there is one."""
    if not call.repeatable:
        return ""
    known = turn.draft.get(KnownAnswer, key_of(spec.name, call.request_hash))
    ahead = turn.draft.get(ModelCall, known.call) if known is not None else None
    waits = ahead is not None and ahead.live and ahead.model == spec.name and not ahead.behind
    return ahead.id if ahead is not None and waits and ahead.id != call.id else ""
