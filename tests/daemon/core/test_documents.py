"""One content is one document; a file that changes, goes or comes back; mails that answer each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.commands import (
    DocumentAnswered,
    Endorse,
    LoseDocuments,
    PutFact,
    ReceiveDocument,
    WithdrawMemories,
)
from quarterdeck_daemon.core.entities import Alias, Document, Fact, Memory, Plain
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import Failed, Failure, Parsed, ParsedChunk, ParsedFact
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .core_bench import Bench, rebuilt


def chunked(text: str) -> tuple[ParsedChunk, ...]:
    """One chunk a line."""
    found, at = [], 0
    for line in text.split("\n"):
        found.append(ParsedChunk(text=line, span=(at, at + len(line)), title=line[:9], language="en"))
        at += len(line) + 1
    return tuple(found)


class Desk(Bench):
    """Takes files in as the watcher of folders does, and reads them at once."""

    def arrive(
        self, path: str, text: str, *, labels: Labels = OPERATOR, connector: str = "files", again: bool = False,
        namespace: str = "default", media_type: str = "text/markdown", place: bool = True,
    ) -> Plain:  # fmt: skip
        command = ReceiveDocument(
            connector=connector, external_id=f"{path}#{text_hash(text)[:8]}", media_type=media_type, name=path,
            blob=text_hash(text), size_bytes=len(text), labels=labels, namespace=namespace, again=again,
            place=path if place else "",
        )  # fmt: skip
        return self.do(command)  # Scopes of connectors are another matter.

    def read(self, id: object, text: str, *, meta: Plain | None = None, facts: tuple[ParsedFact, ...] = ()) -> None:
        parsed = Parsed(title="T", text=text, meta=meta or {}, chunks=chunked(text), facts=facts)
        self.do(DocumentAnswered(document=str(id), outcome=parsed), actor="worker")

    def take(self, path: str, text: str, *, labels: Labels = OPERATOR) -> str:
        id = str(self.arrive(path, text, labels=labels)["id"])
        if self.document(id).status == "received":
            self.read(id, text)
        return id

    def lose(self, *places: str) -> None:
        self.do(LoseDocuments(places=places), actor="connector:files")

    def document(self, id: str) -> Document:
        document = self.store.get(Document, id)
        assert document is not None
        return document

    def recalled(self) -> dict[str, str]:
        """Text by id of what counts now."""
        return {memory.id: memory.text for memory in self.store.scan(Memory) if memory.current}

    def said(self) -> list[str]:
        return sorted(self.recalled().values())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_changed_file_replaces_what_it_said_and_keeps_what_it_still_says(desk: Desk) -> None:
    """The chunk that stays is the same memory: endorsements and links on it stay too."""
    first = desk.take("notes/a.md", "alpha\nbeta\ngamma")
    alpha, beta, gamma = desk.document(first).chunks
    second = desk.take("notes/a.md", "new\nalpha\ngamma")
    assert desk.said() == ["alpha", "gamma", "new"]
    new, *kept = desk.document(second).chunks
    assert kept == [alpha, gamma]
    old, now = desk.document(first), desk.document(second)
    assert (now.supersedes, now.superseded_by, now.places) == (first, "", ("notes/a.md",))
    assert (old.superseded_by, old.places) == (second, ())
    moved, gone = desk.store.get(Memory, gamma), desk.store.get(Memory, beta)
    assert moved is not None
    assert (moved.document, moved.span, moved.labels.sources) == (
        second,
        (10, 15),
        (f"document:{second}", f"document:{first}"),
    )
    assert gone is not None
    assert (gone.superseded_by, gone.text) == (second, "beta")
    as_it_was = desk.store.get(Memory, gamma, as_of=desk.store.history(Document, first)[1].seq)
    assert as_it_was is not None
    assert (as_it_was.document, as_it_was.span) == (first, (11, 16))
    assert [link.target for link in desk.store.links_from(f"document:{second}", "supersedes")] == [
        f"document:{first}"
    ]
    assert new not in (alpha, beta, gamma)


def test_an_endorsed_chunk_stays_endorsed_while_its_words_stay(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha\nbeta", labels=EXTERNAL)
    alpha, _ = desk.document(first).chunks
    desk.do(Endorse(id=alpha))
    desk.take("notes/a.md", "alpha\nBETA", labels=EXTERNAL)
    tiers = {memory.text: memory.tier for memory in desk.store.scan(Memory) if memory.current}
    assert tiers == {"alpha": "long-term", "BETA": "review"}


def test_words_of_lower_trust_take_over_no_trusted_chunk(desk: Desk) -> None:
    """The folder counts as external from now on: the same words are somebody else's then."""
    desk.take("notes/a.md", "alpha\nbeta")
    second = desk.take("notes/a.md", "alpha\nmore", labels=EXTERNAL)
    texts = {
        memory.text: (memory.labels.integrity, memory.document)
        for memory in desk.store.scan(Memory)
        if memory.current
    }
    assert texts == {"alpha": ("external", second), "more": ("external", second)}


def test_a_lesser_caller_cannot_push_a_trusted_file_aside(desk: Desk) -> None:
    """Whoever names a path by hand gives his own account of it; the watcher tells what the disk holds."""
    first = desk.take("notes/a.md", "alpha")
    reply = desk.arrive("notes/a.md", "lies", labels=Labels(integrity="agent"), connector="remember")
    desk.read(reply["id"], "lies")
    assert (desk.document(first).superseded_by, desk.document(str(reply["id"])).places) == ("", ())
    assert desk.said() == ["alpha", "lies"]


def test_a_version_that_cannot_be_read_takes_nothing_away_and_the_next_one_takes_all(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha")
    broken = str(desk.arrive("notes/a.md", "????")["id"])
    failure = Failure(failure="timeout", code="deadline", message="too slow")
    desk.do(DocumentAnswered(document=broken, outcome=Failed(failure=failure)), actor="worker")
    assert (desk.said(), desk.document(broken).meta["unreadable"]) == (["alpha"], "timeout")
    third = desk.take("notes/a.md", "omega")
    assert desk.said() == ["omega"]
    assert [desk.document(id).superseded_by for id in (first, broken, third)] == [third, third, ""]


def test_answers_that_come_in_the_wrong_order_leave_the_newest(desk: Desk) -> None:
    first = str(desk.arrive("notes/a.md", "alpha")["id"])
    second = str(desk.arrive("notes/a.md", "omega")["id"])
    desk.read(second, "omega")
    desk.read(first, "alpha")
    assert desk.said() == ["omega"]
    assert desk.document(first).superseded_by == second


def test_the_same_bytes_under_another_name_are_no_second_document(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha")
    again = desk.arrive("notes/b.md", "alpha")
    assert (again["id"], again["known"]) == (first, True)
    assert desk.document(first).places == ("notes/a.md", "notes/b.md")
    second = desk.take("notes/a.md", "omega")
    assert (desk.said(), desk.document(second).supersedes) == (["alpha", "omega"], "")
    third = desk.take("notes/b.md", "omega")
    assert (third, desk.said(), desk.document(first).superseded_by) == (second, ["omega"], second)


@pytest.mark.parametrize(
    ("labels", "namespace", "media_type"),
    [
        (EXTERNAL, "default", "text/markdown"),
        (Labels(integrity="operator", sensitivity="secret"), "default", "text/markdown"),
        (OPERATOR, "private", "text/markdown"),
        (OPERATOR, "default", "text/plain"),
    ],
)
def test_the_same_bytes_under_another_trust_are_another_document(
    desk: Desk, labels: Labels, namespace: str, media_type: str
) -> None:
    first = desk.take("notes/a.md", "alpha")
    other = desk.arrive("in/b.md", "alpha", labels=labels, namespace=namespace, media_type=media_type)
    assert other["id"] != first


def test_a_lost_file_is_withdrawn_and_comes_back_with_its_chunks(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha\nbeta")
    desk.lose("notes/a.md")
    assert (desk.said(), desk.document(first).withdrawn, desk.document(first).places) == ([], True, ())
    desk.lose("notes/a.md")
    back = desk.arrive("notes/a.md", "alpha\nbeta")
    assert (back["id"], back["restored"]) == (first, True)
    assert (desk.said(), desk.document(first).withdrawn) == (["alpha", "beta"], False)
    assert desk.kinds().count("document.lost") == 1


def test_a_renamed_file_is_the_same_document_in_either_order(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha")
    desk.arrive("notes/b.md", "alpha")
    desk.lose("notes/a.md")
    assert (desk.said(), desk.document(first).places) == (["alpha"], ("notes/b.md",))
    desk.lose("notes/b.md")
    desk.arrive("notes/c.md", "alpha")
    assert (desk.said(), desk.document(first).places) == (["alpha"], ("notes/c.md",))


@pytest.mark.parametrize("order", ["found first", "lost first", "overwritten"])
def test_a_moved_file_and_its_chunks_name_where_it_is_now(desk: Desk, order: str) -> None:
    """Before the move they named where it was, and still do as of then; nothing about an unmoved file changes."""
    first = desk.take("notes/a.md", "alpha\nbeta")
    stays = desk.take("notes/z.md", "omega")
    then = desk.store.head.seq
    if order == "lost first":
        desk.lose("notes/a.md")
    desk.arrive("notes/sub/b.md", "alpha\nbeta")
    if order == "found first":
        desk.lose("notes/a.md")
    if order == "overwritten":
        desk.take("notes/a.md", "another")
    assert desk.document(first).external_id.startswith("notes/sub/b.md#")
    sources = {memory.text: memory.source for memory in desk.store.scan(Memory) if memory.current}
    assert {text: sources[text] for text in ("alpha", "beta", "omega")} == {
        "alpha": "notes/sub/b.md", "beta": "notes/sub/b.md", "omega": "notes/z.md",
    }  # fmt: skip
    assert desk.document(stays).external_id.startswith("notes/z.md#")
    was = desk.store.get(Memory, desk.document(first).chunks[0], as_of=then)
    assert was is not None
    assert was.source == "notes/a.md"
    assert rebuilt(desk.store).get(Document, first) == desk.document(first)


def test_a_copy_takes_the_name_of_no_file_that_stays(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha")
    desk.arrive("notes/b.md", "alpha")
    desk.lose("notes/b.md")
    assert desk.document(first).external_id.startswith("notes/a.md#")
    assert [memory.source for memory in desk.store.scan(Memory)] == ["notes/a.md"]


def test_a_file_that_was_lost_and_comes_back_changed_replaces_what_it_said(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha\nbeta")
    desk.lose("notes/a.md")
    second = desk.take("notes/a.md", "alpha\ngamma")
    assert (desk.said(), desk.document(first).superseded_by) == (["alpha", "gamma"], second)
    assert desk.document(second).chunks[0] == desk.document(first).chunks[0]


def test_a_file_that_goes_back_to_what_it_said_says_it_again(desk: Desk) -> None:
    for text in ("alpha", "omega", "alpha"):
        desk.take("notes/a.md", text)
    assert desk.said() == ["alpha"]


def test_a_chunk_that_was_withdrawn_by_itself_does_not_come_back_with_its_file(desk: Desk) -> None:
    first = desk.take("notes/a.md", "alpha\nbeta")
    desk.do(WithdrawMemories(ids=(desk.document(first).chunks[0],)))
    desk.lose("notes/a.md")
    desk.arrive("notes/a.md", "alpha\nbeta")
    assert desk.said() == ["beta"]


def test_asked_for_by_hand_an_unreadable_document_is_tried_again(desk: Desk) -> None:
    failure = Failed(failure=Failure(failure="crash", code="x", message="the worker died"))
    id = str(desk.arrive("a.md", "alpha", connector="remember", again=True)["id"])
    desk.do(DocumentAnswered(document=id, outcome=failure), actor="worker")
    assert desk.arrive("a.md", "alpha", connector="remember")["known"] is True
    assert desk.needs("parse") == []
    again = desk.arrive("a.md", "alpha", connector="remember", again=True)
    assert (again["id"], again["again"]) == (id, True)
    assert [need.entity for need in desk.needs("parse")] == [id]
    desk.read(id, "alpha")
    assert (desk.said(), desk.document(id).meta.get("unreadable")) == (["alpha"], None)


def test_a_document_lies_in_no_tier_for_single_sentences(desk: Desk) -> None:
    command = ReceiveDocument(
        connector="remember", external_id="x", media_type="text/plain", name="x", blob="b", size_bytes=1, tier="core"
    )
    with pytest.raises(QuarterdeckError, match="cannot lie in the tier core"):
        desk.do(command)


# --- mails ----------------------------------------------------------------------------------------


def mail(
    desk: Desk, name: str, *, id: str, answers: str = "", references: tuple[str, ...] = (), text: str = ""
) -> str:
    document = str(
        desk.arrive(name, name, labels=EXTERNAL, connector="mail", media_type="message/rfc822", place=False)["id"]
    )
    desk.read(document, text or name, meta={"message_id": id, "in_reply_to": answers, "references": list(references)})
    return document


def test_an_answer_is_linked_to_its_mail_in_whatever_order_they_come(desk: Desk) -> None:
    answer = mail(desk, "2", id="<b@x>", answers="<a@x>", references=("<a@x>",))
    first = mail(desk, "1", id="<a@x>")
    third = mail(desk, "3", id="<c@x>", answers="<lost@x>", references=("<a@x>", "<lost@x>"))
    links = {
        one: [link.target for link in desk.store.links_from(f"document:{one}", "replies_to")]
        for one in (answer, third)
    }
    assert links == {answer: [f"document:{first}"], third: [f"document:{first}"]}


def test_a_mail_that_is_stored_again_in_another_way_is_noted_and_not_remembered_twice(desk: Desk) -> None:
    """Mail programs write flags into mbox files; then the bytes differ and the mail is the same."""
    words = "We would like to order the large blue kettle, and please send it to the office in Porto, thank you very much."
    first = mail(desk, "1", id="<a@x>", text=words)
    again = mail(desk, "1 with a flag", id="<a@x>", text=words)
    other = mail(desk, "2", id="<b@x>", text=words)
    assert desk.document(again).meta["same_text_as"] == first
    assert (desk.document(again).chunks, len(desk.document(other).chunks)) == ((), 1)


def test_the_same_words_in_another_file_are_noted(desk: Desk) -> None:
    words = (
        "The day rate is EUR 680 and it is paid within fourteen days after the invoice was received by the client."
    )
    first = desk.take("a.md", words)
    other = desk.take("b.md", f"{words}  \n")
    assert desk.document(other).meta["same_text_as"] == first


# --- facts ----------------------------------------------------------------------------------------


def test_contacts_of_the_operators_file_become_facts_but_overwrite_none(desk: Desk) -> None:
    ana = ParsedFact(fact_kind="contact", key="ana", value={"name": "Ana", "email": "ana@new.example"})
    ben = ParsedFact(fact_kind="contact", key="ben", value={"name": "Ben"})
    desk.do(PutFact(fact_kind="contact", key="ana", value={"name": "Ana", "email": "ana@nube.example"}))
    for labels, path in ((OPERATOR, "mine.vcf"), (EXTERNAL, "theirs.vcf")):
        desk.read(desk.arrive(path, path, labels=labels)["id"], "x", facts=(ana, ben))
    known = {fact.id: (fact.value.get("email"), fact.source) for fact in desk.store.scan(Fact, prefix="contact/")}
    assert known == {"contact/ana": ("ana@nube.example", ""), "contact/ben": (None, "mine.vcf")}


# --- whatever happens -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "write", "lose"]), st.sampled_from(["a.md", "b.md"]), st.sampled_from("xyz")),
    max_size=14,
)


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_what_counts_is_what_the_files_say(steps: list[tuple[str, str, str]]) -> None:
    """Against a folder as a plain map, and against the log folded anew."""
    desk = Desk()
    folder: dict[str, str] = {}
    for what, path, letter in steps:
        text = f"{letter}\nsame\n{letter}{letter}"
        if what == "lose":
            desk.lose(path)
            folder.pop(path, None)
        elif what == "write":
            desk.take(path, text)
            folder[path] = text
    wanted = sorted({line for text in folder.values() for line in text.split("\n")})
    assert sorted(set(desk.said())) == wanted
    assert len([document for document in desk.store.scan(Document) if _counts(document)]) == len(set(folder.values()))
    draft = rebuilt(desk.store)
    for document in desk.store.scan(Document):
        assert draft.get(Document, document.id) == document
        assert all(draft.get(Memory, id) == desk.store.get(Memory, id) for id in document.chunks)
    for alias in desk.store.scan(Alias):
        assert draft.get(Alias, alias.id) == alias


def _counts(document: Document) -> bool:
    return not (document.withdrawn or document.superseded_by)
