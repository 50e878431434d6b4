"""What does a verdict cost? 200 rules in under 100 microseconds at p50 is our promise, since every action asks.

Method   one question, judged again and again in one thread; p50 and p99 of the processor's time for single calls
         spread    200 rules over 10 kinds of action, 20 of them about this one, 2 of those look at labels
         worst     200 rules about this very kind: every condition is asked and none holds; the last rule has none
         regex     200 rules of which 2 hold a pattern over a body of 1,500 letters; the binding compiles a pattern at each use
         preset    the balanced preset as shipped
Floor    the same answers by plain Python comparisons, written by hand, without guards, explanation or CEL
Excludes reading the state (known addresses, record, grants); see bench/kernel.py for whole commands
Run      python bench/policy.py [--quick]
"""

from __future__ import annotations

import time
from collections.abc import Callable

from lines import is_quick, percentile, report

from quarterdeck_daemon.core.policy import Question, judge
from quarterdeck_daemon.core.rules import Files, parse_policy
from quarterdeck_daemon.service.presets import preset_text
from quarterdeck_protocol.labels import Labels

BENCH = "policy"
RULES = 200
HOLD_US = 8_000_000
KINDS = ("mail", "files", "bank", "shop", "calendar", "tasks", "posts", "forms", "calls", "notes")
CONDITIONS = (
    "recipients.count > {n} + 100",
    "recipients.unknown > {n}",
    "size(args.subject) > {n} + 500",
    "track.rejected > {n}",
    "time.hour > 23 + {n}",
    "agent == 'nobody{n}'",
    "novelty.recipient && recipients.count > {n} + 10",
    "labels.sensitivity == 'secret'",
)
AGENT = Labels(integrity="agent", sensitivity="private", sources=("doc1", "m2"))


def question() -> Question:
    known = tuple(f"person{n}@known.test" for n in range(50))
    args: dict[str, object] = {
        "to": [known[7]],
        "subject": "Your offer",
        "body": "x" * 1_500,
        "in_reply_to": "<1@known.test>",
    }
    return Question(
        connector="mail", verb="send", args=args, targets=(known[7],), labels=AGENT, agent="composer", confidence=0.9,
        known=known, now_us=1_790_000_000_000_000,
    )  # fmt: skip


def rule(n: int, match: str, when: str) -> str:
    return f'[[rule]]\nid = "r{n}"\nmatch = "{match}"\nverdict = "ask"\nwhen = """{when}"""\n'


def spread() -> Files:
    text = "".join(
        rule(n, f"{KINDS[n % len(KINDS)]}.*", CONDITIONS[n // len(KINDS) % len(CONDITIONS)].format(n=n))
        for n in range(RULES - 1)
    )
    return [("spread", parse_policy(text + rule(RULES, "mail.send", "")))]


def worst(patterns: int = 0) -> Files:
    conditions = [CONDITIONS[n % (len(CONDITIONS) - 1)].format(n=n) for n in range(RULES - 1)]
    for n in range(patterns):
        conditions[n] = f'args.body.matches("[A-Z]{{2}}[0-9]{{{n + 2}}} ?([0-9A-Z]{{4}} ?){{3,}}")'
    text = "".join(rule(n, "mail.send", when) for n, when in enumerate(conditions))
    return [("worst", parse_policy(text + rule(RULES, "mail.send", "")))]


def by_hand(asked: Question, *, looks: int) -> str:
    """The floor: what the conditions say, as Python would."""
    known = frozenset(asked.known)
    unknown = sum(target not in known for target in asked.targets)
    subject, hour = str(asked.args["subject"]), asked.now_us // 3_600_000_000 % 24
    for n in range(looks):
        if (
            len(asked.targets) > n + 100
            or unknown > n + 1
            or len(subject) > n + 500
            or asked.tally.rejected > n
            or hour > 23 + n
            or asked.agent == f"nobody{n}"
        ):
            return "deny"
    return "ask"


def timed(call: Callable[[], object], rounds: int) -> list[float]:
    for _ in range(rounds // 10):
        call()
    times: list[float] = []
    for _ in range(rounds):
        began = time.thread_time_ns()
        call()
        times.append((time.thread_time_ns() - began) / 1e3)
    return times


def measure(name: str, files: Files, looks: int, rounds: int) -> None:
    asked = question()
    floor = timed(lambda: by_hand(asked, looks=looks), rounds)
    values = timed(lambda: judge(asked, files, hold_us=HOLD_US), rounds)
    for share, figure in ((0.5, "p50"), (0.99, "p99")):
        report(BENCH, f"{name}_{figure}", percentile(values, share), "us", floor=percentile(floor, share), n=rounds)


def main() -> None:
    rounds = 500 if is_quick(__doc__ or "") else 5_000
    measure("spread_200", spread(), 20, rounds)
    measure("worst_200", worst(), RULES, rounds)
    measure("regex_200", worst(patterns=2), RULES, rounds)
    measure("preset_balanced", [("preset", parse_policy(preset_text("balanced")))], 5, rounds)
    began = time.perf_counter()
    parse_policy.cache_clear()
    worst()
    report(BENCH, "compile_200", (time.perf_counter() - began) * 1e3, "ms", n=1)


if __name__ == "__main__":
    main()
