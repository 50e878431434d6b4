"""The rule that one waiting action could become, as `approval.delegate` previews it, with what it would have let go."""

from __future__ import annotations

import msgspec

from .wire import Plain


class Match(msgspec.Struct, frozen=True):
    """An earlier action that the rule would have let go unasked. decided: what the operator said to it then."""

    id: str = ""
    summary: str = ""
    decided: str = ""
    status: str = ""


class RuleDraft(msgspec.Struct, frozen=True):
    """refused: why there can be no rule.  against: how many of the matched were rejected or changed."""

    id: str = ""
    text: str = ""
    refused: tuple[str, ...] = ()
    compared: int = 0
    matched: int = 0
    against: int = 0
    items: tuple[Match, ...] = ()
    plan_hash: str = ""


def read(result: Plain) -> RuleDraft:
    """Raises msgspec.ValidationError for an answer of another shape."""
    return msgspec.convert(result, RuleDraft, strict=False)


def rows(draft: RuleDraft) -> list[str]:
    """The rule as it would stand in the file, then the past under it: what nobody would have been asked."""
    past = f"Of {draft.compared} earlier ones of this agent and kind it would have let {draft.matched} go unasked"
    past += f"; {draft.against} of these you rejected or changed." if draft.against else "."
    found = [f"  {one.id:<6} {one.decided or one.status:<9} {one.summary}" for one in draft.items]
    more = draft.matched - len(draft.items)
    return [*draft.text.rstrip("\n").split("\n"), "", past, *found, *([f"  and {more} more"] if more > 0 else [])]
