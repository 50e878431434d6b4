"""What the methods of memory's tiers, retention and health take."""

from __future__ import annotations

from .params import Change, ChangeOne, Listing, Name, Short, Tags, Text, Tier


class MemoryList(Listing, frozen=True, kw_only=True):
    """Newest first. past: what was replaced, withdrawn or has expired too. run: working memory of this one."""

    tier: Tier | None = None
    kind: Short | None = None
    namespace: Short | None = None
    tags: Tags = ()
    source: Short | None = None
    run: Short | None = None
    pinned: bool = False
    past: bool = False


class MemoryEdit(ChangeOne, frozen=True, kw_only=True):
    """What is left out stays. hash: of the text that was read. expires: a length, an ISO time, or `never`."""

    text: Text | None = None
    title: Short | None = None
    tags: Tags | None = None
    kind: Name | None = None
    when: Short | None = None
    repeats: bool | None = None
    expires: Short | None = None
    hash: Short = ""


class MemorySupersede(ChangeOne, frozen=True, kw_only=True):
    """The text takes the place of the note, which stays readable. hash: of the text that was read."""

    text: Text
    title: Short = ""
    hash: Short = ""


class MemoryMove(ChangeOne, frozen=True, kw_only=True):
    """run: whose working memory it becomes."""

    tier: Tier
    run: Short = ""


class MemoryPin(ChangeOne, frozen=True, kw_only=True):
    """pinned: false takes it out of every context again."""

    pinned: bool = True


class MemoryKeep(Change, frozen=True, kw_only=True):
    """dry_run: say what would go, change nothing."""

    dry_run: bool = False
