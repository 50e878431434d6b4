"""What the methods about rules, permissions and autonomy take. See params.py for the conventions."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .params import Change, Listing, Name, Read, Short, Tags, Text

USES_MAX = 1_000
EXAMPLES_MAX = 500


class PolicyTest(Read, frozen=True, kw_only=True):
    """What other rules would have said to the past. Nothing is done.

    text    a policy file, in the place of yours; with `ahead` before them    preset  in the place of the one in force
    since   ISO time: only what was proposed from then on                     limit   of the items in the answer
    """

    text: Text = ""
    preset: Literal["", "cautious", "balanced", "autonomous"] = ""
    ahead: bool = False
    since: Short | None = None
    limit: Annotated[int, Meta(ge=1, le=EXAMPLES_MAX)] = 50


class PolicyGrant(Change, frozen=True, kw_only=True):
    """A standing permission. to: addresses, patterns such as `*@northwind.test`, or `known`.  until: ISO time.

    max: how often in all; per_day: 0 for no limit of its own; amount_max: minor units, for what names an amount.
    """

    agent: Name
    action: Name
    to: Tags
    until: Name
    max: Annotated[int, Meta(ge=1, le=USES_MAX)]
    per_day: Annotated[int, Meta(ge=0, le=USES_MAX)] = 0
    amount_max: Annotated[int, Meta(ge=0)] | None = None


class PolicyGrants(Listing, frozen=True, kw_only=True):
    """all: those that have ended, too."""

    all: bool = False


class AutonomyList(Listing, frozen=True, kw_only=True):
    agent: Short | None = None


class AutonomySet(Change, frozen=True, kw_only=True):
    """level: "" lets the rules alone decide.  decline: leave it, in spite of what is proposed."""

    agent: Name
    action: Name
    level: Literal["", "observe", "suggest", "act_with_approval", "act_and_report", "autonomous"] = ""
    decline: bool = False
