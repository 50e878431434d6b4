"""What the index is asked before a step can begin: its `recall` reads, and the query of its context."""

from __future__ import annotations

from typing import Final

from .context import RECALLED_MAX
from .entities import Plain
from .expressions import Unanswerable, resolve
from .playbook import StepSpec
from .reads import budget_of
from .scopes import declared_for
from .table import Table

QUERY_CHARS_MAX: Final = 4_000  # Of what the index is asked.
RECALL_MAX: Final = 100  # Memories that one read may ask for.
RECALL_COUNT: Final = 5  # When the playbook does not say.


def searches(table: Table, spec: StepSpec, values: Plain) -> Plain:
    """Return what to ask, by read: {"query", "limit"}. values: what the playbook's expressions may use.

    Raises Unanswerable for a query of the playbook that has no answer.
    """
    found: Plain = {}
    for name, read in reads_of(table, spec).items():
        if "recall" in read:
            limit = read.get("limit", RECALL_COUNT)
            limit = min(max(limit, 1), RECALL_MAX) if isinstance(limit, int) else RECALL_COUNT
            found[name] = {"query": str(resolve(read["recall"], values)), "limit": limit}
        elif "context" in read and budget_of(read) and (query := _context_query(table, spec, read, values)):
            found[name] = {"query": query, "limit": RECALLED_MAX}
    return found


def reads_of(table: Table, spec: StepSpec) -> dict[str, Plain]:
    """The reads of the playbook, and the context that its agent wants when the playbook does not say."""
    declared = declared_for(table, f"agent:{spec.agent}")
    has_one = "context" in spec.reads or any("context" in read for read in spec.reads.values())
    if not declared.context_tokens or has_one:
        return spec.reads
    return {**spec.reads, "context": {"context": {"budget": declared.context_tokens}}}


def with_query(read: Plain, asked: object) -> Plain:
    """A context's read with the query as it was asked; it may be anybody's text and is not resolved again."""
    if "context" not in read:
        return read
    return {**read, "query": asked["query"] if isinstance(asked, dict) else ""}


def _context_query(table: Table, spec: StepSpec, read: Plain, values: Plain) -> str:
    wanted = read["context"]
    if isinstance(wanted, dict) and "query" in wanted:
        return str(resolve(wanted["query"], values))[:QUERY_CHARS_MAX]
    declared = declared_for(table, f"agent:{spec.agent}").context_query
    try:
        return str(resolve(declared, {**values, "input": resolve(spec.input, values)}) or "")[:QUERY_CHARS_MAX]
    except Unanswerable:
        return ""  # It is the agent's wish, not the playbook's: without it the context has the rest.
