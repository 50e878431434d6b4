"""`[models.NAME]` and `[routes]` of quarterdeck.toml: which language models there are, and who answers what."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Sensitivity

from ..core.durations import duration_us
from ..core.entities.models import ModelSpec
from ..outward.address import Address, address_of

BackendName = Literal["ctransformers", "llama-cpp", "openai", "scripted"]
LOCAL_FILES: tuple[BackendName, ...] = ("ctransformers", "llama-cpp", "scripted")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
COMPLETIONS = "/chat/completions"
MODELS_MAX = 16
ROUTES_MAX = 64
CALL_S_MAX = 3_600
BESIDE_WEIGHTS_MB = 2_048  # Of addresses, for Python, the libraries and what a request needs.

Duration = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,9}(ms|s|m|h|d|w))+$")]
Span = Annotated[str, msgspec.Meta(pattern=r"^(([0-9]{1,9}(ms|s|m|h|d|w))+)?$")]
Handle = Annotated[str, msgspec.Meta(pattern=r"^(secret://\S+)?$")]
Hash = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]
Purpose = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Route = tuple[str | int, ...]


class ModelSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One language model. docs/models.md tells every line."""

    backend: BackendName
    file: Annotated[str, msgspec.Meta(max_length=1_024)] = ""
    sha256: Hash = ""
    url: Annotated[str, msgspec.Meta(max_length=1_024)] = ""
    model: Annotated[str, msgspec.Meta(max_length=256)] = ""
    key: Handle = ""
    tier: Annotated[int, msgspec.Meta(ge=1, le=2)] = 1
    purposes: tuple[Purpose, ...] = ()
    context_tokens: Annotated[int, msgspec.Meta(ge=256, le=1 << 20)] = 2_048
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    memory_mb: Annotated[int, msgspec.Meta(ge=0, le=1 << 20)] = 0
    call: Duration = "60s"
    at_once: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    price_in: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)] = 0
    price_out: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)] = 0
    load: Literal["first", "start"] = "first"
    idle: Span = "10m"
    sensitivity: Sensitivity | Literal[""] = ""

    @property
    def local(self) -> bool:
        """Whether it is a file of this machine that runs in a process of ours."""
        return self.backend in LOCAL_FILES

    @property
    def address(self) -> Address:
        """Raises QuarterdeckError `bad_value`."""
        return address_of(self.url, COMPLETIONS)

    @property
    def remote(self) -> bool:
        return not self.local and not self.address.loopback

    @property
    def call_ms(self) -> int:
        return duration_us(self.call) // 1_000

    @property
    def idle_s(self) -> float:
        """0: it stays loaded."""
        return duration_us(self.idle) / 1_000_000 if self.idle else 0.0

    @property
    def threads_used(self) -> int:
        """All processors but one, unless the settings say."""
        return self.threads or max((os.cpu_count() or 2) - 1, 1)

    def path(self, workspace: Path) -> Path:
        return (workspace / Path(self.file).expanduser()).resolve()

    def memory_bytes(self, size: int) -> int:
        """How many addresses its process may use. size: of its file, which is mapped, and may be read beside that."""
        return (self.memory_mb or 2 * (size >> 20) + BESIDE_WEIGHTS_MB) << 20


Models = dict[str, ModelSetting]
Routes = dict[str, str]


def spec_of(name: str, setting: ModelSetting, problem: str = "", id: str = "", room: int = 0) -> ModelSpec:
    """What the kernel is told of it. room: for tokens, as its host says; 0: it has not said yet."""
    return ModelSpec(
        name=name,
        backend=setting.backend,
        tier=setting.tier,
        remote=setting.remote,
        context_tokens=room or setting.context_tokens,
        price_in=setting.price_in,
        price_out=setting.price_out,
        purposes=setting.purposes,
        call_s=max(setting.call_ms // 1_000, 1),
        ready=not problem,
        problem=problem,
        id=id,
        sensitivity=setting.sensitivity or ("private" if setting.remote else "secret"),
    )


class Fault(Exception):
    """One line of the settings is wrong. route: where it stands."""

    def __init__(self, route: Route, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.route, self.what, self.hint = route, what, hint


def check(models: Mapping[str, ModelSetting], routes: Mapping[str, str]) -> None:
    """What the types cannot say. Raises Fault, the first one."""
    for fault in (*_models(models), *_routes(models, routes)):
        raise fault


def _models(models: Mapping[str, ModelSetting]) -> Iterator[Fault]:
    if len(models) > MODELS_MAX:
        yield Fault(("models",), f"{len(models)} models; at most {MODELS_MAX} can be kept", "Remove some.")
    for name, setting in models.items():
        at = ("models", name)
        if NAME.fullmatch(name) is None:
            yield Fault(at, f"{name[:64]!r} is no name for a model", "Letters, digits, dot, dash, underscore.")
        yield from _lacks(at, setting)
        yield from _lengths(at, setting)


def _lacks(at: Route, setting: ModelSetting) -> Iterator[Fault]:
    if setting.local:
        if not setting.file:
            yield Fault(
                at, f"a model of {setting.backend} needs `file`", "Name it, inside the workspace or anywhere."
            )
        for key in ("url", "model", "key"):
            if getattr(setting, key):
                yield Fault(
                    (*at, key), f"a model of {setting.backend} has no `{key}`", "It is a file on this machine."
                )
        if setting.at_once > 1:
            yield Fault((*at, "at_once"), f"a model of {setting.backend} answers one at a time", "Leave at_once out.")
        return
    if not (setting.url and setting.model):
        yield Fault(at, "a model elsewhere needs `url` and `model`", 'Like url = "http://127.0.0.1:11434/v1".')
        return
    if setting.file or setting.sha256:
        yield Fault((*at, "file"), "a model elsewhere has no file here", "Leave file and sha256 out.")
    try:
        _ = setting.address
    except QuarterdeckError as error:
        yield Fault((*at, "url"), error.message, error.hint)


def _lengths(at: Route, setting: ModelSetting) -> Iterator[Fault]:
    try:
        if not 1_000 <= setting.call_ms <= CALL_S_MAX * 1_000:
            yield Fault((*at, "call"), f"a call takes 1s to {CALL_S_MAX}s", "Write it like 60s.")
        _ = setting.idle_s
    except QuarterdeckError as error:
        yield Fault(at, f"{error.message} of at most ten years", error.hint)


def _routes(models: Mapping[str, ModelSetting], routes: Mapping[str, str]) -> Iterator[Fault]:
    if len(routes) > ROUTES_MAX:
        yield Fault(("routes",), f"{len(routes)} routes; at most {ROUTES_MAX} can be kept", "Remove some.")
    for purpose, to in routes.items():
        at = ("routes", purpose)
        if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", purpose) is None:
            yield Fault(at, f"{purpose[:64]!r} is no purpose", "Such as classify, extract, draft, judge, plan.")
        if to in ("none", "tier:1", "tier:2") or to in models:
            continue
        named = ", ".join(models) or "none is configured"
        yield Fault(at, f"nothing answers as {to[:64]!r}", f"Write none, tier:1, tier:2 or a model: {named}.")
