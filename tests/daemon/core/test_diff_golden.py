"""What a person reads of two moments of a fixed log, word for word; and the bounds of what is compared.

When the words change for a reason: delete `tests/golden/diff.txt`, run this once, and read what it wrote before keeping it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck_daemon.cli import time_travel, times
from quarterdeck_daemon.cli.session import Session
from quarterdeck_daemon.core.commands import AssetFile, LoadAssets, PutFact, Remember, SupersedeMemory
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.service import diff
from quarterdeck_daemon.service.diff import SHOWN_LINES_MAX, TEXT_LINES_MAX, text_diff
from quarterdeck_daemon.service.views import iso

from .recorded_story import Story, tell_all

GOLDEN = Path(__file__).parents[2] / "golden" / "diff.txt"


async def shown(story: Story, a: int, b: int) -> str:
    found = await diff.differences(story.store, a, b)
    times_of = {seq: iso(event.at_us) if (event := story.store.event(seq)) else None for seq in (a, b)}
    answer: dict[str, object] = {
        "a": a, "b": b, "a_at": times_of[a], "b_at": times_of[b], "events": b - a, "counts": diff.counts(found),
        "items": [diff.item(one) for one in found], "next": None,
    }  # fmt: skip
    return "\n".join(time_travel.diff_lines(Session(), answer)) + "\n"


@pytest.fixture
def fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are printed as of a day in the year of the story, in UTC."""
    monkeypatch.setattr(times, "zone", lambda: UTC)
    monkeypatch.setattr(times, "now", lambda: datetime(2026, 12, 1, tzinfo=UTC))
    monkeypatch.setenv("NO_COLOR", "1")


def tell_of_records() -> tuple[Story, int]:
    """A log of one of each: a fact changed, one new, a note replaced, a policy and a playbook rewritten."""
    story = Story()
    policy, longer = '[[rule]]\nid = "a"\nmatch = "mail.*"\nverdict = "ask"\n', 'hold = "8s"\n'
    story.tell(load(policy))
    story.tell(PutFact(fact_kind="client", key="acme", value={"day_rate": 800, "name": "ACME"}))
    story.tell(Remember(text="We pay within 30 days.\nIn euro.", title="Terms"))
    story.tell(Remember(text="Wrong number", title="Old"))
    point = story.store.head.seq
    story.tell(
        PutFact(fact_kind="client", key="acme", value={"day_rate": 900, "name": "ACME"}, valid_from="2027-01-01")
    )
    story.tell(PutFact(fact_kind="client", key="bolt", value={"name": "Bolt"}))
    story.tell(SupersedeMemory(id="m1", text="We pay within 14 days.\nIn euro."))
    story.tell(load(policy + longer), actor="operator")
    return story, point


def load(policy: str) -> LoadAssets:
    file = AssetFile(asset_kind="policy", name="a", path="policies/a.toml", text=policy, hash=text_hash(policy))
    return LoadAssets(files=(file,))


@pytest.mark.usefixtures("fixed_day")
async def test_the_words_of_a_difference_are_those_of_the_golden_text() -> None:
    story, point = tell_of_records()
    long = tell_all()
    events = long.events()
    began = next(event.seq for event in events if event.kind == "run.started")
    ended = next(event.seq for event in events if event.kind == "run.ended")
    text = await shown(story, point, story.store.head.seq) + "\n---\n\n" + await shown(long, began - 1, ended)
    if not GOLDEN.exists():
        GOLDEN.write_text(text, "utf-8")
        pytest.fail(f"{GOLDEN.name} was written; read it, then keep it")
    assert text == GOLDEN.read_text("utf-8")


def test_texts_are_compared_up_to_a_bound_and_cut_at_one() -> None:
    assert text_diff("same", "same") == ""
    assert text_diff("a\nb\nc", "a\nB\nc") == "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c"
    many = "\n".join(map(str, range(TEXT_LINES_MAX)))
    assert text_diff(many, "x").startswith("@@ too long to compare")
    half = "\n".join(f"line {n}" for n in range(TEXT_LINES_MAX // 2 - 1))
    cut = text_diff(half, "x").split("\n")
    assert len(cut) == SHOWN_LINES_MAX + 1
    assert cut[-1].endswith("more lines @@")
    assert len(text_diff("x" * 10_000, "y").split("\n")[1]) == 400


async def test_what_changed_and_changed_back_is_no_difference() -> None:
    story = Story()
    story.tell(PutFact(fact_kind="k", key="a", value={"n": 1}))
    story.tell(Remember(text="stays"))
    a = story.store.head.seq
    story.tell(PutFact(fact_kind="k", key="b", value={"n": 1}))
    b = story.store.head.seq
    assert await diff.differences(story.store, a, a) == []
    assert [one.name for one in await diff.differences(story.store, a, b)] == ["fact:k/b"]
    assert [one.name for one in await diff.differences(story.store, 0, b, kinds=("memory",))] == ["memory:m1"]
