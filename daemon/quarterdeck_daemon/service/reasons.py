"""What is told with a proposal or plan beside the rule: what lay before whoever made it."""

from __future__ import annotations

from collections import Counter

from ..core.calibration import NOTHING, percent, wilson
from ..core.entities import Plain, Plan, Run
from ..core.vocabulary import CONFIDENCE_DECISIONS_MIN
from ..store.api import Store
from .past_links import links_from

USED_MAX = 60  # Of one action, first read first.
TOLD = ("memory:", "fact:", "document:", "asset:template/")


def used_for(store: Store, id: str, as_of: int | None) -> list[str]:
    """All that the run of an action had read when it was proposed, as `kind:id`; a question of a run has none."""
    links = [one for one in links_from(store, f"action:{id}", as_of) if one.relation == "derived_from"]
    return [one.target for one in links if one.target.startswith(TOLD)][:USED_MAX]


# --- plans ----------------------------------------------------------------------------------------

FELL = frozenset(("failed", "cancelled", "timed_out", "blocked", "exhausted", "stalled"))


class PlanRecord:
    """How plans of each way stood: started as they were drafted, and their runs came to a good end or are under way."""

    def __init__(self, store: Store, as_of: int | None = None) -> None:
        self._decided: Counter[str] = Counter()
        self._stood: Counter[str] = Counter()
        for plan in store.scan(Plan, as_of=as_of):
            if plan.status in ("approved", "rejected"):
                self._decided[_way(plan)] += 1
                self._stood[_way(plan)] += _stood(store, plan)

    def told(self, plan: Plan) -> Plain:
        """{"confidence", "basis"}: counted, and nothing said about too few."""
        way = _way(plan)
        n, stood = self._decided[way], self._stood[way]
        if n < CONFIDENCE_DECISIONS_MIN:
            return {
                "confidence": None,
                "basis": f"{NOTHING} ({n} of {CONFIDENCE_DECISIONS_MIN} decisions on such plans)",
            }
        low, high = wilson(stood, n)
        basis = f"{stood} of {n} such plans stood as drafted ({percent(low)} to {percent(high)})"
        return {"confidence": round(stood / n, 4), "basis": basis}


def _way(plan: Plan) -> str:
    """Plans by one playbook are alike; so are those that were composed, and those that a model composed."""
    return f"playbook/{plan.playbook}" if plan.source == "playbook" else plan.source


def _stood(store: Store, plan: Plan) -> bool:
    run = store.get(Run, plan.run) if plan.run else None
    return plan.status == "approved" and not plan.edited and (run is None or run.status not in FELL)


def plan_reasons(store: Store, plan: Plan, record: PlanRecord) -> Plain:
    """Why this plan: evidence, what was read to find it, how sure that makes, and how it is undone."""
    working = store.get(Run, plan.working) if plan.working else None
    read = [source for step in (working.steps.values() if working is not None else ()) for source in step.sources]
    evidence: list[Plain] = [{"claim": "you said", "source": f"plan:{plan.id}", "quote": plan.intent, "span": None}]
    if words := str(plan.why.get("words") or ""):
        named = f"asset:playbook/{plan.playbook}" if plan.source == "playbook" else f"run:{plan.working}"
        claim = f"found by {plan.why.get('rule') or 'what was said'}"
        evidence.append({"claim": claim, "source": named, "quote": words, "span": None})
    undo = "Nothing is done before you approve it; then `quarterdeck runs rollback RUN` takes back what can be taken back."
    told = [name for name in dict.fromkeys(read) if name.startswith(("fact:", "plan:", "memory:"))]
    return {**record.told(plan), "evidence": evidence, "used": told[:USED_MAX], "undo": undo}
