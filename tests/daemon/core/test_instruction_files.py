"""AGENTS.md and SKILL.md are the operator's instructions: a memory for each section, as the file says now and no other."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import AssetFile, LoadAssets
from quarterdeck_daemon.core.context import assemble
from quarterdeck_daemon.core.entities import Memory
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.instruction_files import sections_of
from quarterdeck_daemon.core.tiers import standing
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import PLAYBOOK, POLICY, Bench, rebuilt

HOUSE = """We build websites.

# Tone
We say Dear, never Hi.

## composer
Two paragraphs at most.

# Prices
Never below the list.
"""


def file(kind: str, name: str, path: str, text: str) -> AssetFile:
    return AssetFile(asset_kind=kind, name=name, path=path, text=text, hash=text_hash(text))


OTHERS = (
    file("playbook", "lead", "playbooks/lead.yaml", PLAYBOOK),
    file("policy", "mail", "policies/mail.toml", POLICY),
)


def load(
    bench: Bench, text: str | None, *, name: str = "AGENTS", path: str = "AGENTS.md", unread: str = ""
) -> list[str]:
    """The workspace with this file in it. Returns why it was refused."""
    more = () if text is None else (file("instructions", name, path, text),)
    if unread:
        more = (AssetFile(asset_kind="instructions", name=name, path=path, text="", hash="", unread=unread),)
    refused = bench.do(LoadAssets(files=(*OTHERS, *more)))["refused"]
    assert isinstance(refused, list)
    return [str(one["reason"]) for one in refused]


def told(bench: Bench) -> dict[str, Memory]:
    return {one.title: one for one in standing(bench.store).instructions}


def shown(bench: Bench, agent: str) -> list[str]:
    found = assemble(bench.store, agent=agent, run="", now_us=bench.now_us, budget=2_000)
    return [piece.title for piece in found.pieces if piece.part == "instructions"]


# --- reading --------------------------------------------------------------------------------------


def test_a_section_is_what_stands_below_a_heading_with_its_line_and_its_agent() -> None:
    found = [(one.title, one.line, one.agent) for one in sections_of(HOUSE, "AGENTS", frozenset({"composer"}))]
    assert found == [("AGENTS", 1, ""), ("Tone", 3, ""), ("composer", 6, "composer"), ("Prices", 9, "")]
    assert [one.agent for one in sections_of(HOUSE, "AGENTS", frozenset())] == ["", "", "", ""], (
        "nobody is called that"
    )


def test_a_heading_can_say_that_it_is_an_agents_and_covers_those_below_it() -> None:
    text = "# Agent: outreach\nA.\n## Twice\nB.\n## Twice\nC.\n# All\nD."
    found = [(one.key, one.agent) for one in sections_of(text, "x", frozenset())]
    assert found == [("Agent: outreach", "outreach"), ("Twice", "outreach"), ("Twice (2)", "outreach"), ("All", "")]


def test_a_skill_is_called_as_its_front_matter_says() -> None:
    (one,) = sections_of("---\nname: invoices\ndescription: How we write one.\n---\nIn euro.\n", "x", frozenset())
    assert (one.title, one.line, one.text) == ("invoices", 5, "invoices\nHow we write one.\nIn euro.")


def test_a_heading_within_code_is_none() -> None:
    (one,) = sections_of("# Build\n```\n# make\n```\n", "x", frozenset())
    assert one.title == "Build"


@pytest.mark.parametrize("text", ["---\nname: x\n", "---\n- a\n---\nx", "---\n{: [\n---\nx", "# a\nx\n" * 61])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        sections_of(text, "x", frozenset())
    assert refused.value.code == "schema"


# --- taken in -------------------------------------------------------------------------------------


def test_each_section_is_an_instruction_of_the_operators_that_says_where_it_stands() -> None:
    bench = Bench()
    assert load(bench, HOUSE) == []
    assert {one.source for one in told(bench).values()} == {
        "AGENTS.md:1",
        "AGENTS.md:3",
        "AGENTS.md:6",
        "AGENTS.md:9",
    }
    tone = told(bench)["Tone"]
    assert (tone.tier, tone.labels.integrity, tone.memory_kind) == ("instructions", "operator", "instruction")
    assert tone.text == "Tone\nWe say Dear, never Hi."


def test_they_reach_contexts_and_an_agents_section_only_that_agents() -> None:
    bench = Bench()
    load(bench, HOUSE.replace("## composer", "## Agent: composer"))
    assert shown(bench, "composer") == ["AGENTS", "Tone", "Agent: composer", "Prices"]
    assert shown(bench, "outreach") == ["AGENTS", "Tone", "Prices"]


def test_a_change_supersedes_what_changed_withdraws_what_is_gone_and_doubles_nothing() -> None:
    bench = Bench()
    load(bench, HOUSE)
    before = told(bench)
    load(
        bench, "Before.\n" + HOUSE.replace("Dear, never Hi", "Hello").replace("# Prices\nNever below the list.\n", "")
    )
    after = told(bench)
    assert set(after) == {"AGENTS", "Tone", "composer"}
    assert after["Tone"].supersedes == before["Tone"].id
    assert (after["composer"].id, after["composer"].source) == (before["composer"].id, "AGENTS.md:7")
    gone = bench.store.get(Memory, before["Prices"].id)
    assert gone is not None
    assert gone.withdrawn
    assert rebuilt(bench.store).get(Memory, after["Tone"].id) == after["Tone"]


def test_the_same_file_again_changes_nothing() -> None:
    bench = Bench()
    load(bench, HOUSE)
    seq = bench.store.head.seq
    load(bench, HOUSE)
    assert bench.store.head.seq == seq


def test_without_its_file_nothing_of_it_counts_and_with_it_again_it_does() -> None:
    bench = Bench()
    load(bench, HOUSE)
    load(bench, None)
    assert told(bench) == {}
    load(bench, HOUSE)
    assert list(told(bench)) == ["AGENTS", "Tone", "composer", "Prices"]


def test_what_does_not_fit_into_the_tier_is_refused_and_the_old_stays_in_force() -> None:
    bench = Bench()
    load(bench, HOUSE)
    (why,) = load(bench, "# Long\n" + "word " * 5_000)
    assert "the instructions tier holds 0 of 2,000 already" in why
    assert list(told(bench)) == ["AGENTS", "Tone", "composer", "Prices"]


def test_two_files_share_the_tier_and_neither_takes_the_others_room() -> None:
    bench = Bench()
    half = "# {}\n" + "word " * 1_200
    load(bench, half.format("One"))
    first = file("instructions", "AGENTS", "AGENTS.md", half.format("One"))
    second = file("instructions", "skills/two", "skills/two/SKILL.md", half.format("Two"))
    refused = bench.do(LoadAssets(files=(*OTHERS, first, second)))["refused"]
    assert isinstance(refused, list)
    assert [one["path"] for one in refused] == ["skills/two/SKILL.md"]
    assert list(told(bench)) == ["One"]


def test_a_file_that_cannot_be_read_is_not_gone() -> None:
    bench = Bench()
    load(bench, HOUSE)
    assert load(bench, None, unread="a link out of the workspace") == ["a link out of the workspace"]
    assert len(told(bench)) == 4
