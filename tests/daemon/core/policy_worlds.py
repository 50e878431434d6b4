"""Generated questions, rules, grants and levels for the properties of the policy."""

from __future__ import annotations

from hypothesis import strategies as st

from quarterdeck_daemon.core.entities import Grant, Tally
from quarterdeck_daemon.core.guards import Sink
from quarterdeck_daemon.core.rules import PolicyFile, Rule
from quarterdeck_daemon.core.verbs import VERBS
from quarterdeck_daemon.core.vocabulary import TERMS, Question
from quarterdeck_protocol.labels import INTEGRITY_ORDER, SENSITIVITY_ORDER, Labels

NOW_US = 1_790_000_000_000_000
ADDRESSES = ("boss@x.test", "b@x.test", "enemy@y.test", "drafts/a.md", "policies/a.toml", "")
LEVELS = ("", "observe", "suggest", "act_with_approval", "act_and_report", "autonomous")

labels = st.builds(
    Labels,
    integrity=st.sampled_from(list(INTEGRITY_ORDER)),
    sensitivity=st.sampled_from(list(SENSITIVITY_ORDER)),
    sources=st.sampled_from([(), ("doc1",)]),
)
texts = st.sampled_from(["", "hello", "pay now", "go", "enemy@y.test"]) | st.text(max_size=12)
values = st.one_of(
    texts, st.integers(-5, 1 << 60), st.booleans(), st.none(), st.lists(texts, max_size=2), st.floats(allow_nan=True)
)
arguments = st.dictionaries(
    st.sampled_from(["subject", "body", "to", "amount", "currency", "kind", "path", "in_reply_to"]), values
)

# What operators write, and what they should not have written.
CONDITIONS = (
    "", "true", "false", "recipients.count == 1", "recipients.unknown == 0", "recipients.new > 0", "confidence > 0.5",
    "track.decisions >= 10 && confidence >= 0.9", "track.rejected == 0", "time.hour < 12", "novelty.kind", "novelty.recipient",
    "autonomy == 'autonomous'", "cost < 100", "amount.value < 1000", "'amount' in args && amount.value < 1000",
    "agent == 'composer'", "targets.all(t, t in known)", "has(args.subject) && args.subject == 'go'",
    "'boss@x.test' in targets", "action.outward", "action.reversible", "run.playbook == 'weekly'",
    "size(known) > 0", "args.body.contains('pay')",
)  # fmt: skip
TRUSTING = (
    "labels.integrity == 'operator'", "labels.integrity != 'external'", "labels.integrity == 'external'",
    "labels.sensitivity == 'public'", "labels.sensitivity == 'private'", "context.integrity == 'agent'",
    "context.sensitivity != 'public'", "size(labels.sources) == 0", "labels.integrity == context.integrity",
)  # fmt: skip
NONSENSE = (
    "nobody", "nobody.knows == 1", "args.nothing.like.this", "1", "'yes'", "confidence", "labels", "1 / size(args) == 1",
    "no_such_function()", "targets[99] == 'x'", "amount", "time.century == 21", "args.body > 7", "known", "null",
    "recipients.domains[7] == 'x'", "size(nobody) == 0", "agent.name == 'x'", "track.nothing > 0",
)  # fmt: skip


def rules(
    conditions: tuple[str, ...], verdicts: tuple[str, ...] = ("allow", "ask", "deny")
) -> st.SearchStrategy[PolicyFile]:
    rule = st.builds(
        Rule,
        id=st.sampled_from(["one", "two", "three"]),
        pattern=st.sampled_from(["*", "*", "mail.*", "mail.send", "files.write", "*.send"]),
        verdict=st.sampled_from(verdicts),
        when=st.sampled_from(conditions),
        firm=st.booleans(),
    )
    sink = st.builds(
        Sink,
        pattern=st.sampled_from(["*", "mail.*"]),
        to=st.sampled_from(["*", "*@y.test"]),
        receives=st.sampled_from(["public", "private"]),
    )
    return st.builds(
        PolicyFile, rule=st.lists(rule, max_size=5).map(tuple), sink=st.lists(sink, max_size=1).map(tuple)
    )


grants = st.builds(
    Grant,
    id=st.sampled_from(["g1", "g2"]),
    agent=st.sampled_from(["composer", "composer", "x"]),
    action=st.sampled_from(sorted(VERBS)),
    to=st.sampled_from([("known",), ("*",), ("*@x.test",), ("*@*",), ("drafts/*",)]),
    uses_max=st.integers(1, 3),
    used=st.integers(0, 3),
    expires_us=st.sampled_from([NOW_US - 1, NOW_US, NOW_US + 1]),
    at_us=st.just(NOW_US - 10),
    by=st.just("operator"),
    amount_max=st.sampled_from([None, 1_000_000]),
    status=st.sampled_from(["active", "active", "active", "expired", "revoked", "used_up"]),
)
tallies = st.builds(
    Tally, unchanged=st.integers(0, 30), edited=st.integers(0, 2), rejected=st.integers(0, 2), done=st.integers(0, 60)
)


@st.composite
def questions(draw: st.DrawFn, names: tuple[str, ...] = (*sorted(VERBS), "bank.pay")) -> Question:
    connector, _, verb = draw(st.sampled_from(names)).partition(".")
    targets = draw(st.lists(st.sampled_from(ADDRESSES[:-1]), max_size=7).map(tuple))
    return Question(
        connector=connector,
        verb=verb,
        args=draw(arguments),
        targets=targets,
        labels=draw(labels),
        agent=draw(st.sampled_from(["composer", "x"])),
        confidence=draw(st.none() | st.floats(0, 1)),
        known=draw(st.sampled_from([(), ("boss@x.test",), ("boss@x.test", "b@x.test")])),
        context=draw(st.none() | labels),
        now_us=NOW_US,
        run=draw(st.sampled_from(["", "r1"])),
        playbook=draw(st.sampled_from(["", "weekly"])),
        tally=draw(tallies),
        level=draw(st.sampled_from(LEVELS)),
        new=draw(st.sampled_from([(), targets])),
        first=draw(st.booleans()),
        stopped=draw(st.sampled_from(["", "", "fire"])),
        grants=tuple(draw(st.lists(grants, max_size=2))),
        consents=draw(st.sampled_from([(), ("mail.send:private",), ("mail.send to *:private",)])),
    )


assert set(TERMS) >= {"args", "labels", "context"}, "the conditions above name terms that exist"
