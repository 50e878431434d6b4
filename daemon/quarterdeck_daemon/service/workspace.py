"""The settings of a workspace: `quarterdeck.toml` read into typed values, every default in one place.

The structs below are the list of defaults; `DEFAULT_CONFIG_TEXT` shows the same ones to the operator,
and a test holds the two together. Whatever is not in the structs is refused with its line.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
import typing
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Integrity, Sensitivity

from ..almanac.window import window_of
from ..core.durations import duration_us
from ..outward.address import address_of
from ..recall.weights import Weights
from .executors.address import check_address
from .grants import Grant
from .limit_settings import BudgetSetting, Failures, LimitSetting
from .model_rules import Asking, Prices
from .model_settings import Fault as ModelFault
from .model_settings import Models, Routes
from .model_settings import check as check_models

CONFIG_NAME = "quarterdeck.toml"
STATE_NAME = ".quarterdeck"
CONFIG_BYTES_MAX = 256 * 1024
Duration = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,9}(ms|s|m|h|d|w))+$")]
Span = Annotated[str, msgspec.Meta(pattern=r"^(([0-9]{1,9}(ms|s|m|h|d|w))+)?$")]  # Empty: for ever, or never.
Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]
Handle = Annotated[str, msgspec.Meta(pattern=r"^(secret://\S+)?$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
PerMinute = Annotated[int, msgspec.Meta(ge=0, le=60)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=99)]
WorkerCount = Annotated[int, msgspec.Meta(ge=1, le=64)]


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = "My company"
    operator: str = "Operator <operator@localhost>"
    timezone: str = "UTC"
    language: str = "en"


class Actions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hold: Duration = "8s"
    expires: Duration = "7d"
    cooling_off: Duration = "10m"
    warn_percent: Percent = 75
    high_per_minute: PerMinute = 6


class Policing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    preset: Literal["cautious", "balanced", "autonomous", ""] = "cautious"


class Workers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: WorkerCount = 2
    step_deadline: Duration = "30s"
    indexer_bytes: Amount = 8 << 30


class MailIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["maildir", "mbox", "eml", "none"] = "none"
    path: str = "mail/inbox"
    poll: Duration = "2s"


class MailOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["maildir", "smtp"] = "maildir"
    path: str = "mail/outbox"
    host: str = "127.0.0.1"
    port: Port = 587
    user: str = ""
    password: Handle = ""  # A handle such as secret://mail/smtp; never the password itself.
    starttls: bool = True


class Mail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"inward": "in"}):
    inward: MailIn = MailIn()
    out: MailOut = MailOut()


class Files(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    tags: tuple[str, ...] = ()
    integrity: Integrity = "external"
    sensitivity: Sensitivity = "private"


class PracticeServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str = ""
    token: Handle = ""
    timeout: Duration = "5s"


class EmbeddingEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str = ""
    model: str = ""
    key: Handle = ""
    dimension: Annotated[int, msgspec.Meta(ge=0, le=8_192)] = 0
    timeout: Duration = "30s"


class Embedding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Literal["static", "minilm", "endpoint"] = "static"
    endpoint: EmbeddingEndpoint = EmbeddingEndpoint()


class Keep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long and how much of one tier or kind is recalled. Nothing of it is erased."""

    ttl: Span = ""
    bytes: Amount = 0
    tokens: Amount = 0
    half_life: Span = "365d"
    compress: Span = ""


class Remembering(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"long_term": "long-term"}
):
    core_tokens: Tokens = 2_000
    instructions_tokens: Tokens = 2_000
    pinned_tokens: Tokens = 2_000
    working_tokens: Tokens = 4_000
    every: Duration = "1h"
    capture: bool = True
    originals: Span = ""
    working: Keep = Keep(ttl="7d")
    project: Keep = Keep()
    long_term: Keep = Keep()
    review: Keep = Keep()
    kinds: dict[str, Keep] = {}


class Privacy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keep: tuple[str, ...] = ("invoice", "payment", "contract")


class Executing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["local", "dask"] = "local"
    address: Annotated[str, msgspec.Meta(max_length=256)] = ""
    sensitivity: Literal["public", "private"] = "private"
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""


class Auditing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    heads_to: Annotated[str, msgspec.Meta(max_length=1_024)] = ""
    report: Span = "7d"


class Scheduling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    batch_window: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    workspace: About = About()
    actions: Actions = Actions()
    policy: Policing = Policing()
    workers: Workers = Workers()
    schedules: Scheduling = Scheduling()
    mail: Mail = Mail()
    practice: PracticeServer = PracticeServer()
    embedder: Embedding = Embedding()
    recall: Weights = Weights()
    privacy: Privacy = Privacy()
    memory: Remembering = Remembering()
    failures: Failures = Failures()
    audit: Auditing = Auditing()
    executor: Executing = Executing()
    asking: Asking = Asking()
    prices: Prices = ()
    models: Models = {}
    routes: Routes = {}
    files: tuple[Files, ...] = ()
    grants: tuple[Grant, ...] = ()
    limits: tuple[LimitSetting, ...] = ()
    budgets: tuple[BudgetSetting, ...] = ()


DEFAULT_CONFIG_TEXT = """\
# Settings of this workspace. Every line shows its default: change it, or leave it out.
# Times are written like 500ms, 8s, 30m, 2h, 7d.

[workspace]
name = "My company"
operator = "Operator <operator@localhost>"   # the From of outgoing mail
timezone = "UTC"                             # such as Europe/Berlin; used for display and schedules
language = "en"

[actions]
hold = "8s"              # how long an approved effect waits, so that undo is free
expires = "7d"           # silence is "not done" after this
cooling_off = "10m"      # how long what is risky waits after your yes, to be read again; 0s is no longer than its hold
warn_percent = 75        # share of that time after which an alert tells that something expires; 0 is never
high_per_minute = 6      # high risks that can be approved within a minute, each with its typed word; 0 is any number

[policy]                 # rules for what none of yours in policies/ covers; `quarterdeck policies show` prints them
preset = "cautious"      # "cautious", "balanced", "autonomous", or "" for none: then all that leaves asks

[workers]
count = 2                # processes that parse documents and run agents
step_deadline = "30s"    # a step that has not answered by then is ended
indexer_bytes = 8589934592   # addresses that the search index may use, mapped files among them; 0 is no limit

[schedules]
batch_window = ""        # such as 22:00-06:00 mon-fri: when scheduled runs of the priority batch begin; "" is at once

[mail.in]
kind = "none"            # "maildir", "mbox", "eml" (a folder of .eml files) or "none"
path = "mail/inbox"      # inside the workspace
poll = "2s"

[mail.out]
kind = "maildir"         # "maildir" or "smtp"
path = "mail/outbox"     # a Maildir; with smtp the sent copies go here
host = "127.0.0.1"       # host to starttls are for smtp
port = 587
user = ""
password = ""            # a handle such as secret://mail/smtp, never the password itself
starttls = true

[practice]               # the practice connector: payments, bookings and posts that hurt nobody
url = ""                 # such as http://127.0.0.1:8765, only on this machine; "" is none
token = ""               # a handle such as secret://practice/token, when the server wants one
timeout = "5s"           # without an answer by then, nobody knows whether it happened

[embedder]               # what makes the vectors of recall; `quarterdeck models` lists them
name = "static"          # "static", "minilm" or "endpoint"

[embedder.endpoint]      # for "endpoint": an OpenAI-compatible service
url = ""                 # such as https://api.example.com/v1; without TLS only this machine
model = ""
key = ""                 # a handle such as secret://embeddings/key, never the key itself
dimension = 0            # of the model's vectors
timeout = "30s"

[memory]
core_tokens = 2000       # the core tier as a whole: what would exceed it is refused
instructions_tokens = 2000
pinned_tokens = 2000
working_tokens = 4000    # of one run or conversation: the oldest makes room
every = "1h"             # how often the keeper looks through memory, if a setting below gives it work
capture = true           # read what comes in for facts to propose: quarterdeck fact proposed
originals = ""           # how long the file of a replaced document is kept; its text stays. "" is for ever

# What is recalled of each tier, and how long. Nothing is erased by these; what went can be read and brought back.
[memory.working]
ttl = "7d"               # no longer recalled when older; "" is for ever
bytes = 0                # of the tier together, the least useful goes first; 0 is no limit
tokens = 0               # the same, counted in tokens
half_life = "365d"       # usefulness halves in this time
compress = ""            # older notes of one source or tag give way to a summary; "" is never

[memory.project]
ttl = ""
bytes = 0
tokens = 0
half_life = "365d"
compress = ""

[memory.long-term]
ttl = ""
bytes = 0
tokens = 0
half_life = "365d"
compress = ""

[memory.review]
ttl = ""
bytes = 0
tokens = 0
half_life = "365d"
compress = ""

[memory.kinds]           # the same five settings for kinds of memory, such as [memory.kinds.transcript]

[recall]                 # how finds are ranked; the defaults are measured
vector = 0.6             # share of likeness in meaning, 0 to 1; the rest is the words'
rule = "top1"            # a score counts by the best of its side ("top1") or by how far it stands out ("z")
words_full = 0.5         # share of what the words could score together that counts as a full match
recency = 0.02           # what a thing of this moment has over an old one
half_life_days = 90.0    # after so many days half of that is left
candidates = 60          # rows that words and likeness may each name
floor = 0.65             # relevance below which nothing is shown: an empty answer is a right answer
words_alone = 0.3        # how much of that is asked for where likeness cannot be read
floor_cosine = 0.05      # likeness that any two texts have
floor_vector = 2.5       # what likeness beyond that adds to the share of the question's words
longer = 0.2             # power with which relevance grows with the number of words asked for
unknown_names = 2.0      # how much of a word a name is there that nothing in scope has
known_names = 0.4        # what a row has that has the question's name and nothing else of it, below the floor
common_names = 0.02      # share of the rows from which on a name tells none of them apart
names = 0.3              # how much of a word such a name or a date is there: it says who or when, not what
covered = 0.2            # what a row with all words of such a question has over one with none
tail = 0.3               # share of the best hit's score that the others must reach
tail_relevance = 0.1     # and of its relevance

[privacy]
keep = ["invoice", "payment", "contract"]   # kinds of facts that the law wants kept when a person is forgotten

[failures]
breaker = 5              # so many failures in the window, and an agent or connector is given no work for a while; 0: never
breaker_window = "60s"
breaker_open = "30s"     # then one try; each that fails doubles it, up to 1h
escalate = "4h"          # work that gave up and that nobody saw to becomes an alert of its own; "" is never

[executor]               # where steps are done; see docs/executors.md
kind = "local"           # the workers above, or "dask": a Dask cluster (pip install 'quarterdeck[dask]')
address = ""             # of its scheduler: tcp://127.0.0.1:8786 on this machine, else tls://
sensitivity = "private"  # the highest that may leave for it: "public" or "private"; what is secret never does
tls_ca = ""              # files for tls://
tls_cert = ""
tls_key = ""

[audit]
heads_to = ""            # a second file for the daily heads of the log, best on another disk; "" is none
report = "7d"            # how often a report about what agents did is announced; "" is never

[asking]                 # of language models; see docs/models.md
mode = "creative"        # of runs whose playbook says nothing: "deterministic" asks no model, "exploratory" drafts without
answers = 10000          # so many answers are known, and used again for the same question; 0 is none
answers_for = "30d"      # and for so long
currency = "EUR"         # of all prices and budgets

# Language models: none by default, and everything works without; see docs/models.md. One table for each:
#
# [models.small]
# backend = "ctransformers"    # or "llama-cpp": a GGUF file; "openai": a service; "scripted": fixed answers, for tests
# file = "models/small.gguf"   # of the first two: inside the workspace, or anywhere
# sha256 = ""                  # what its bytes must be; `quarterdeck models add` and `pull` write it
# url = ""                     # of a service: https://api.example.com/v1, or http://127.0.0.1:11434/v1
# model = ""                   # its name there
# key = ""                     # a handle such as secret://models/key, never the key itself
# tier = 1                     # 1: small and near, 2: larger or elsewhere
# purposes = []                # for which alone it is used; none: for any
# context_tokens = 2048        # room for question and answer together
# threads = 0                  # 0: all processors but one
# memory_mb = 0                # addresses that its process may use; 0: twice its file and 2 GB
# call = "60s"                 # the longest time of one answer
# at_once = 1                  # answers at the same time, of a service
# price_in = 0                 # of a million tokens, in minor units such as cents
# price_out = 0
# load = "first"               # when it is asked first, or "start"
# idle = "10m"                 # unloaded after so long without a question; "" is never
# sensitivity = ""             # the highest that it is shown; "": "private" elsewhere, "secret" on this machine
#
# [routes]                     # who answers what: the name of a model, "tier:1", "tier:2" or "none"
# draft = "small"
#
# [[prices]]                   # of services whose table above names none; there is no list that comes with the package
# match = "large"              # how the service's name of the model begins; the longest counts
# price_in = 0                 # of a million tokens, in minor units such as cents
# price_out = 0
# as_of = ""                   # when you looked it up, such as 2026-01-31

# How much at once, how often and how much in all; see docs/limits.md. One table for each:
#
# [[limits]]
# of = "agent:*"               # each agent; or "agent:composer", "connector:mail", "model:*", "run" (each), "workspace"
# at_once = 0                  # 0 is no limit, here and below
# per_minute = 0
# per_hour = 0
# per_day = 0
#
# [[budgets]]
# of = "workspace"
# per = "day"                  # "hour", "day", "month" (in UTC) or "ever"
# calls = 0
# minutes = 0
# tokens = 0
# money = 0                    # in minor units, such as cents
# over = "throttle"            # wait for the next span; "escalate": ask you; "stop": the run ends as exhausted

# What others than you may see of memory; see docs/scopes.md for what each has without. One table for each:
#
# [[grants]]
# to = "script"                # "editor", "script", "observer", "agent:composer", "connector:files"
# namespaces = ["default"]     # "*" means any, here and below
# facts = ["*"]                # kinds of facts
# memories = ["*"]             # kinds of memories
# tiers = ["*"]
# sensitivity = "private"      # the highest: "public", "private" or "secret"
# write = "same"               # or "none"

# Folders that are remembered as they change; none by default. One table for each folder:
#
# [[files]]
# path = "notes"
# tags = []
# integrity = "external"      # who could have shaped these files: "operator", "agent" or "external"
# sensitivity = "private"     # who may see them: "public", "private" or "secret"
"""


def load_config(folder: Path) -> Config:
    """Read `quarterdeck.toml` of the workspace; a missing key has its default.

    Raises QuarterdeckError `not_found` without the file, `forbidden` when others may write it,
    `schema` naming the line and the nearest valid key.
    """
    path = folder / CONFIG_NAME
    text = _read(path)
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise QuarterdeckError("schema", f"{path}: {error}", hint="Correct this line.") from error
    except msgspec.ValidationError as error:
        raise _refusal(path, text, str(error)) from error
    _check_values(path, text, config)
    return config


def _read(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # A pipe put there must not hang us.
    except FileNotFoundError:
        raise QuarterdeckError(
            "not_found", f"there is no {CONFIG_NAME} in {path.parent}", hint="Make one with `quarterdeck init`."
        ) from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > CONFIG_BYTES_MAX:
            raise QuarterdeckError("schema", f"{path} is not a file of at most {CONFIG_BYTES_MAX} bytes")
        if found.st_mode & stat.S_IWOTH:
            raise QuarterdeckError("forbidden", f"everybody may write {path}", hint=f"Run `chmod o-w {path}`.")
        return os.read(handle, CONFIG_BYTES_MAX).decode()
    except UnicodeDecodeError as error:
        raise QuarterdeckError("schema", f"{path} is not UTF-8: {error}", hint="Save it as UTF-8.") from error
    finally:
        os.close(handle)


# --- saying where and what ------------------------------------------------------------------------

Route = tuple[str | int, ...]
_fault = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<where>[^`]*)`)?$", re.DOTALL)
_unknown = re.compile(r"unknown field `(?P<key>.*)`")
_MEANING = {
    "matching regex '^([0-9]": "a length of time like 500ms, 8s, 30m, 2h or 7d",
    "matching regex '^(([0-9]": 'a length of time like 8s, 2h or 7d, or "" for none',
    "matching regex '^(|[0-9]{4}": "a day like 2026-01-31",
    "matching regex '^[A-Z]{3}": "a currency like EUR",
    "matching regex '^(secret": "a handle like secret://mail/smtp; a secret itself must not stand here",
}


def _refusal(path: Path, text: str, fault: str) -> QuarterdeckError:
    """Turn what msgspec says into a sentence with a line number."""
    match = _fault.match(fault)
    assert match is not None, "the pattern takes any text"
    route = _route(match["where"] or "")
    what = next((f"Expected {said}" for sign, said in _MEANING.items() if sign in fault), match["what"])
    hint = "Correct this line."
    if unknown := _unknown.search(what):
        valid = _valid_keys(route)
        near = difflib.get_close_matches(unknown["key"], valid, n=1, cutoff=0.5)
        hint = f"Did you mean `{near[0]}`?" if near else f"Valid here: {', '.join(valid)}."
        route = (*route, unknown["key"])
    return _at(path, text, route, what, hint)


def _at(path: Path, text: str, route: Route, what: str, hint: str) -> QuarterdeckError:
    line = _line_of(text, route)
    return QuarterdeckError(
        "schema", f"{path}, line {line}: {what}", hint=hint, details={"path": str(path), "line": line}
    )


def _check_values(path: Path, text: str, config: Config) -> None:
    """What the types cannot say: a time zone that exists, durations within bounds."""
    try:
        zoneinfo.ZoneInfo(config.workspace.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        what = f"there is no time zone {config.workspace.timezone!r}"
        raise _at(path, text, ("workspace", "timezone"), what, "Write it like Europe/Berlin.") from error
    if config.schedules.batch_window:
        try:
            window_of(config.schedules.batch_window)
        except QuarterdeckError as error:
            raise _at(path, text, ("schedules", "batch_window"), error.message, error.hint) from error
    durations: dict[Route, str] = {
        ("actions", "hold"): config.actions.hold,
        ("actions", "expires"): config.actions.expires,
        ("actions", "cooling_off"): config.actions.cooling_off,
        ("workers", "step_deadline"): config.workers.step_deadline,
        ("mail", "in", "poll"): config.mail.inward.poll,
        ("failures", "breaker_window"): config.failures.breaker_window,
        ("failures", "breaker_open"): config.failures.breaker_open,
        ("failures", "escalate"): config.failures.escalate or "0s",
        ("practice", "timeout"): config.practice.timeout,
        ("audit", "report"): config.audit.report or "0s",
        ("embedder", "endpoint", "timeout"): config.embedder.endpoint.timeout,
    }
    durations |= _spans(config.memory)
    for route, value in durations.items():
        try:
            duration_us(value)
        except QuarterdeckError as error:
            raise _at(path, text, route, f"{error.message} of at most ten years", error.hint) from error
    if config.executor.kind == "dask":
        try:
            check_address(config.executor.address)
        except QuarterdeckError as error:
            raise _at(path, text, ("executor", "address"), error.message, error.hint) from error
    try:
        check_models(config.models, config.routes)
    except ModelFault as fault:
        raise _at(path, text, fault.route, fault.what, fault.hint) from fault
    asked = config.embedder.endpoint
    if config.embedder.name == "endpoint" and not (asked.url and asked.model and asked.dimension):
        hint = "Set url, model and dimension in [embedder.endpoint]."
        raise _at(path, text, ("embedder", "name"), "an endpoint needs an address, a model and its dimension", hint)
    if asked.url:
        try:
            address_of(asked.url)
        except QuarterdeckError as error:
            raise _at(path, text, ("embedder", "endpoint", "url"), error.message, error.hint) from error


def _spans(memory: Remembering) -> dict[Route, str]:
    """Every length of time under [memory] that says something."""
    keeps = {
        "working": memory.working,
        "project": memory.project,
        "long-term": memory.long_term,
        "review": memory.review,
    }
    named: dict[Route, Keep] = {("memory", name): keep for name, keep in keeps.items()}
    named |= {("memory", "kinds", name): keep for name, keep in memory.kinds.items()}
    spans: dict[Route, str] = {
        (*route, name): getattr(keep, name)
        for route, keep in named.items()
        for name in ("ttl", "half_life", "compress")
    }
    spans["memory", "originals"] = memory.originals
    return {route: value for route, value in spans.items() if value} | {("memory", "every"): memory.every}


def _route(where: str) -> Route:
    """`.files[1].path` -> ("files", 1, "path")."""
    where = where.replace("[...]", "")  # A key that the operator chose; msgspec does not tell which.
    return tuple(int(number) if number else key for key, number in re.findall(r"\.([^.\[]+)|\[(\d+)\]", where))


def _valid_keys(route: Route) -> list[str]:
    """The keys of the table at `route`."""
    here: type[msgspec.Struct] = Config
    for key in route:
        if isinstance(key, str):
            kinds = {field.encode_name: field.type for field in msgspec.structs.fields(here)}
            kind = kinds[key]
            here = next((inner for inner in typing.get_args(kind) if inner not in (..., str)), kind)
    return [field.encode_name for field in msgspec.structs.fields(here)]


def _line_of(text: str, route: Route) -> int:
    """The line where the longest known part of `route` stands, from 1."""
    lines = dict(_lines(text))
    while route and route not in lines:
        route = route[:-1]
    return lines.get(route, 1)


_header = re.compile(r"^\s*(?P<open>\[\[?)\s*(?P<name>[^\]]+?)\s*\]")
_key = re.compile(r"^\s*(?P<name>[\w.\-\"' ]+?)\s*=")


def _lines(text: str) -> Iterator[tuple[Route, int]]:
    """Every table and key with its line. Good for pointing, not for parsing: tomllib did that before."""
    table: Route = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _header.match(line):
            table = _names(header["name"])
            if header["open"] == "[[":
                counts[header["name"]] = counts.get(header["name"], -1) + 1
                table = (*table, counts[header["name"]])
            yield table, number
        elif key := _key.match(line):
            yield (*table, *_names(key["name"])), number


def _names(dotted: str) -> Route:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
