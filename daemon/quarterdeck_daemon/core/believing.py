"""Taking over a fact that an agent proposes: within its scope, with the labels of all that its step saw."""

from __future__ import annotations

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from .commands import PutFact
from .entities import Plain, Run
from .facts import assert_fact
from .orders import ProposedFact
from .scopes import OutOfScope, bounded_fact, refuse
from .turn import Turn


def believe(turn: Turn, run: Run, agent: str, fact: ProposedFact, labels: Labels, made_from: tuple[str, ...]) -> bool:
    """Record the fact, or that it was refused; one that is refused costs only itself. Returns whether it was taken."""
    command = PutFact(
        fact_kind=fact.fact_kind,
        key=fact.key,
        value=fact.value,
        source=fact.source or f"run:{run.id}",
        labels=labels,
        namespace=fact.namespace,
    )
    try:
        assert_fact(
            turn,
            bounded_fact(turn.draft, command, f"agent:{agent}", within=run.namespace),
            run=run.id,
            made_from=made_from,
        )
    except QuarterdeckError as error:
        if isinstance(error, OutOfScope):
            refuse(turn, error, run=run.id)
        body: Plain = {"kind": fact.fact_kind, "key": fact.key, "code": error.code, "reason": error.message}
        turn.emit("fact.refused", body, run=run.id, labels=labels)
        return False
    return True
