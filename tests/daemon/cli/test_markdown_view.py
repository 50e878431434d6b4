"""Memory as Markdown: what goes out comes back the same, and an edit is told from age."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.cli.markdown_view import content_of, parse, path_of, render, slug
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.frames import Plain

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
LABELS: Plain = {"integrity": "operator", "sensitivity": "private"}


def note(text: str, **more: object) -> Plain:
    return {"entity": "memory:m1", "title": "A note", "text": text, "labels": LABELS, "tags": ["a", "b"], **more}


@settings(max_examples=200)
@given(TEXTS, TEXTS)
def test_a_note_comes_back_with_its_text_and_counts_as_unedited(text: str, title: str) -> None:
    one = note(text, title=title)
    sheet = parse("note.md", render(one))
    assert (sheet.entity, sheet.body, sheet.edited) == ("memory:m1", text.strip("\n"), False)
    assert sheet.content == content_of(one)


@settings(max_examples=200)
@given(st.dictionaries(TEXTS, PLAIN, max_size=4))
def test_a_fact_comes_back_with_its_values_and_counts_as_unedited(value: Plain) -> None:
    one: Plain = {"entity": "fact:client/acme", "value": value, "version": 3, "labels": LABELS}
    sheet = parse("acme.md", render(one))
    assert (sheet.head["value"], sheet.edited) == (value, False)


def test_a_changed_text_and_a_changed_value_count_as_edited() -> None:
    sheet = parse("note.md", render(note("pays in 14 days")).replace("14", "30"))
    assert (sheet.edited, sheet.body) == (True, "pays in 30 days")
    fact: Plain = {"entity": "fact:client/acme", "value": {"rate": 95}, "labels": LABELS}
    sheet = parse("acme.md", render(fact).replace("rate: 95", "rate: 100"))
    assert (sheet.edited, sheet.head["value"]) == (True, {"rate": 100})


def test_a_file_without_a_head_is_a_new_note() -> None:
    sheet = parse("new.md", "just a thought\n")
    assert (sheet.entity, sheet.body, sheet.edited) == ("", "just a thought", True)


@pytest.mark.parametrize(
    "broken", ["---\nid: memory:m1\n", "---\n- a list\n---\n", "---\nid: [\n---\n", "---\nid: fact:a/b\n---\n"]
)
def test_a_broken_head_is_refused_with_the_name_of_the_file(broken: str) -> None:
    with pytest.raises(QuarterdeckError, match=r"odd\.md") as refused:
        parse("odd.md", broken)
    assert refused.value.code == "schema"


@pytest.mark.parametrize(
    ("entity", "path"),
    [
        ("fact:client/acme", "facts/client/acme.md"),
        ("fact:contact/ada@acme.test", "facts/contact/ada-acme-test-"),
        ("fact:../../etc/passwd", "facts/"),
        ("memory:m7", "notes/m7-a-note.md"),
        ("document:doc3", "documents/doc3-a-note.md"),
    ],
)
def test_paths_are_plain_names_inside_the_folder(entity: str, path: str) -> None:
    made = path_of({"entity": entity, "title": "A note", "value": {}})
    assert made.startswith(path)
    assert ".." not in made.split("/")


def test_keys_that_look_alike_as_file_names_do_not_share_one() -> None:
    paths = {path_of({"entity": f"fact:contact/{key}"}) for key in ("a b", "a-b", "A b", "a_b", "ä b")}
    assert len(paths) == 5


@given(st.text())
def test_a_slug_is_always_a_safe_name(words: str) -> None:
    assert all(char.isascii() and (char.isalnum() or char == "-") for char in slug(words))
