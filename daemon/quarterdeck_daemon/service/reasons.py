"""What is told with a proposal or plan beside the rule: what lay before whoever made it."""

from __future__ import annotations

from ..store.api import Store
from .past_links import links_from

USED_MAX = 60  # Of one action, first read first.
TOLD = ("memory:", "fact:", "document:", "asset:template/")


def used_for(store: Store, id: str, as_of: int | None) -> list[str]:
    """All that the run of an action had read when it was proposed, as `kind:id`; a question of a run has none."""
    links = [one for one in links_from(store, f"action:{id}", as_of) if one.relation == "derived_from"]
    return [one.target for one in links if one.target.startswith(TOLD)][:USED_MAX]
