"""`memory`: what is asked of the daemon, and what the operator reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quarterdeck_protocol.codes import QuarterdeckError

if TYPE_CHECKING:
    from .conftest import House, Shell

COLUMNS = 80


def item(number: int, **more: object) -> dict[str, object]:
    one: dict[str, object] = {
        "id": f"m{number}", "seq": number, "text": f"text {number}", "title": f"title {number}", "source": "operator",
        "at": "2026-03-01T10:00:00Z", "tier": "long-term", "kind": "note", "namespace": "default", "tokens": 5,
        "labels": {"integrity": "operator", "sensitivity": "private", "sources": []}, "hash": f"h{number}",
    }  # fmt: skip
    return one | more


def test_memory_alone_lists_newest_first_with_what_sets_each_apart(house: House, shell: Shell) -> None:
    house.answers["memory.list"] = {
        "items": [
            item(3, pinned=True), item(2, when="invoice", tier="prospective"), item(1, withdrawn=True, superseded_by="m3"),
        ],
        "next": None,
    }  # fmt: skip
    ran = shell("memory")
    assert (ran.status, house.calls("memory.list")) == (0, [{"limit": 50}])
    assert [row.split("  ")[-1] for row in ran.out.splitlines()[1:]] == [
        "(pinned)",
        "(when invoice)",
        "(replaced by m3)",
    ]


def test_a_list_goes_on_over_short_pages_and_says_when_there_is_more(house: House, shell: Shell) -> None:
    def page(params: dict[str, object]) -> dict[str, object]:
        at = int(str(params.get("cursor", 9)))
        return {"items": [item(at)], "next": str(at - 1)}

    house.answers["memory.list"] = page
    ran = shell("memory", "list", "--limit", "3", "--tier", "core", "--tag", "a", "--past")
    assert [row.split()[0] for row in ran.out.splitlines()[1:]] == ["m9", "m8", "m7"]
    assert house.calls("memory.list")[0] == {"limit": 3, "tier": "core", "tags": ["a"], "past": True}
    assert "There is more" in ran.err


CHANGES: dict[str, tuple[tuple[str, ...], str, dict[str, object]]] = {
    "edit": (("edit", "m1", "new", "words"), "memory.edit", {"id": "m1", "text": "new words"}),
    "expiry": (("edit", "m1", "--expires", "30d", "--tag", "x"), "memory.edit", {"id": "m1", "tags": ["x"], "expires": "30d"}),
    "never": (("edit", "m1", "--expires", "never"), "memory.edit", {"id": "m1", "expires": "never"}),
    "supersede": (("supersede", "m1", "new"), "memory.supersede", {"id": "m1", "text": "new"}),
    "move": (("move", "m1", "working", "--run", "r1"), "memory.move", {"id": "m1", "tier": "working", "run": "r1"}),
    "pin": (("pin", "m1"), "memory.pin", {"id": "m1"}),
    "unpin": (("unpin", "m1"), "memory.pin", {"id": "m1", "pinned": False}),
    "withdraw": (("withdraw", "m1", "--reason", "old"), "memory.withdraw", {"id": "m1", "reason": "old"}),
    "restore": (("restore", "doc1"), "memory.restore", {"id": "doc1"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_each_change_asks_once_and_says_how_to_take_it_back(house: House, shell: Shell, case: str) -> None:
    words, method, params = CHANGES[case]
    house.answers[method] = {"id": "m1", "seq": 9, "tier": "long-term", "was": "core"}
    ran = shell("memory", *words)
    assert (ran.status, house.calls(method)) == (0, [params])
    assert "undo: quarterdeck memory " in ran.err
    dry = shell("memory", *words, "--dry-run")
    assert (dry.status, len(house.calls(method))) == (0, 1)
    assert dry.out.startswith("would ")


def test_a_full_core_tier_is_told_with_what_is_in_there(house: House, shell: Shell) -> None:
    house.answers["memory.move"] = QuarterdeckError(
        "budget_exceeded", "the core tier holds 1,990 of 2,000 tokens", hint="Move something out."
    )
    ran = shell("memory", "move", "m1", "core")
    assert (ran.status, ran.err) == (
        1,
        "error: the core tier holds 1,990 of 2,000 tokens\nhint: Move something out.\n",
    )


def test_an_edit_without_words_and_without_a_terminal_says_what_is_missing(house: House, shell: Shell) -> None:
    ran = shell("memory", "edit", "m1")
    assert (ran.status, house.calls("memory.edit")) == (2, [])
    assert "There is no new text." in ran.err


def test_show_says_where_it_stands_in_the_order_that_matters(house: House, shell: Shell) -> None:
    house.answers["memory.get"] = item(
        1, pinned=True, expires_at="2027-01-01T00:00:00Z", endorsed="h", stands_for=["m2"]
    )
    out = shell("memory", "show", "m1").out
    assert "  trust:      operator, vouched for by you\n" in out
    assert "pinned, until" in out
    assert "  stands for: m2\n" in out
    assert out.endswith("\n  | text 1\n")


HEALTH = {
    "tiers": [{"id": "core", "items": 2, "bytes": 900, "tokens": 200, "cap_tokens": 2000}],
    "kinds": [{"id": "note", "items": 12_345, "bytes": 5_000_000, "tokens": 1_200_000, "cap_tokens": 0}],
    "items": [
        {"id": "junk", "value": 120, "share": 0.012, "text": "not worth keeping: 120 too short", "level": "info",
         "todo": "quarterdeck memory withdraw ID", "examples": ["m1", "m2"]},
        {"id": "near duplicates", "value": 9_876, "share": 0.8, "text": "say nearly the same as an older one " * 4,
         "level": "warning", "todo": "look at them one after the other and then " * 4, "examples": ["m1 m2"] * 30},
        {"id": "index lag", "value": 0, "share": None, "text": "memories wait", "level": "ok", "todo": "", "examples": []},
    ],
    "looked_at": 12_345, "complete": False, "took_ms": 3_456,
}  # fmt: skip


def test_health_fits_eighty_columns_and_says_what_to_do_where_something_is(house: House, shell: Shell) -> None:
    house.answers["memory.health"] = HEALTH
    out = shell("memory", "health").out
    assert max(map(len, out.splitlines())) <= COLUMNS
    assert ["junk", "120", "1%", "not", "worth", "keeping:", "120", "too", "short"] in [
        row.split() for row in out.splitlines()
    ]
    assert "> quarterdeck memory withdraw ID" in out
    assert "12,345 memories looked at in 3.5 s.  Time ran out; not all was looked at." in out


def test_retention_shows_the_settings_runs_a_pass_and_tries_one(house: House, shell: Shell) -> None:
    house.answers["memory.retention"] = {
        "items": [
            {"id": "long-term.ttl", "setting": "90d", "items": 10, "bytes": 5_000, "would_go": 3, "saves_bytes": 0,
             "change": "30d would take out 7, 3 KiB", "costs": "2 of those were recalled before"},
        ],
        "kept": {"id": "withdrawn", "items": 4, "bytes": 100, "tokens": 0, "cap_tokens": 0},
        "disk": {"log": 2_000_000}, "hints": ["8 receipts"], "last_pass": {}, "took_ms": 3,
    }  # fmt: skip
    out = shell("memory", "retention").out
    assert "long-term.ttl        90d  10     4.9 KiB  3" in out
    assert "long-term.ttl: 30d would take out 7, 3 KiB; 2 of those were recalled before." in out
    house.answers["memory.keep"] = {
        "id": "memory", "seq": 9, "dry_run": True, "expired": 1, "compressed": 8, "summaries": 1, "saved_bytes": 4_096,
        "looked_at": 10, "items": [{"id": "m1", "rule": "long-term is kept 90d", "title": "Old"}],
    }  # fmt: skip
    tried = shell("memory", "retention", "--dry-run").out
    assert tried.splitlines()[-1] == "1 would be expired, 8 would be put behind 1 summary; 4.0 KiB fewer to search."
    shell("memory", "retention", "--run")
    assert house.calls("memory.keep") == [{"dry_run": True}, {"dry_run": False}]


def test_under_at_the_past_is_listed_and_not_changed(house: House, shell: Shell) -> None:
    house.answers["memory.list"] = {"items": [item(1)], "next": None}
    assert shell("at", "7", "memory", "list").status == 0
    assert house.calls("memory.list")[0]["as_of"] == 7
    ran = shell("at", "7", "memory", "pin", "m1")
    assert (ran.status, house.calls("memory.pin")) == (2, [])


def test_health_wraps_what_is_long_instead_of_cutting_it(house: House, shell: Shell) -> None:
    words = "memories that were never shown to anybody although they are older than thirty days by now"
    row = {"id": "junk", "value": 1, "text": words, "level": "warning", "todo": "look", "examples": [f"m1: {words}"]}
    house.answers["memory.health"] = {**HEALTH, "items": [row]}
    out = shell("memory", "health").out
    assert max(map(len, out.splitlines())) <= COLUMNS
    assert " ".join(out.split()).count("older than thirty days by now") == 2
    assert "…" not in out


def _hit(id: str, title: str, words: str) -> dict[str, object]:
    why = {"terms": ["tea"], "vector": 0.0}
    return {"id": id, "score": 1.0, "title": title, "text": words, "source": "operator", "tier": "core", "why": why}


def test_a_short_note_is_shown_once_and_a_long_one_with_its_title(house: House, shell: Shell) -> None:
    items = [_hit("m1", "buy tea", "buy tea"), _hit("m2", "Tea", "Green tea only.")]
    house.answers["memory.search"] = {"items": items, "behind": 0}
    ran = shell("recall", "tea")
    assert ran.out.splitlines() == [
        "m1  1.00  buy tea", "  operator  core  matched tea",
        "m2  1.00  Tea", "  Green tea only.", "  operator  core  matched tea",
    ]  # fmt: skip
    assert ran.err == ""


def test_recall_says_when_meaning_did_not_count(house: House, shell: Shell) -> None:
    house.answers["memory.search"] = {"items": [_hit("m1", "buy tea", "buy tea")], "behind": 0, "words_only": True}
    assert shell("recall", "tea").err.splitlines() == [
        "By words alone: the embedder does not answer now. See `quarterdeck doctor`."
    ]
