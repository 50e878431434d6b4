"""The embedders by name: what `[embedder]` of the settings opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.durations import duration_us
from ..outward.address import address_of
from ..outward.fence import fence_gate
from ..outward.secret_handles import resolve
from .api import Embedder
from .catalogue import ENDPOINT, MINILM, STATIC
from .endpoint import Endpoint
from .minilm import MiniLM
from .model_files import model_folder
from .static import StaticEmbedder


class EndpointSettings(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def timeout(self) -> str: ...


class EmbedderSettings(Protocol):
    """What `[embedder]` says. The configuration itself belongs to the service."""

    @property
    def name(self) -> str: ...
    @property
    def endpoint(self) -> EndpointSettings: ...


def open_embedder(settings: EmbedderSettings, home: Path) -> Embedder:
    """Return the embedder that is configured. `home` is the state folder, `.quarterdeck/`.

    Raises QuarterdeckError: `unavailable` when its files or library are missing, `bad_value` for settings that do not
    fit, `not_found` for a name that nothing has.
    """
    maker = _MAKERS.get(settings.name)
    if maker is None:
        hint = f"There are: {', '.join(_MAKERS)}."
        raise QuarterdeckError("not_found", f"there is no embedder {settings.name!r}", hint=hint)
    return maker(settings, home)


def _static(settings: EmbedderSettings, home: Path) -> Embedder:
    return StaticEmbedder()


def _minilm(settings: EmbedderSettings, home: Path) -> Embedder:
    return MiniLM(model_folder(home, MINILM))


def _endpoint(settings: EmbedderSettings, home: Path) -> Embedder:
    asked = settings.endpoint
    return Endpoint(
        url=asked.url,
        model=asked.model,
        dimension=asked.dimension,
        key=(lambda: resolve(asked.key, home)) if asked.key else None,
        timeout_s=duration_us(asked.timeout) / 1_000_000,
        gate=(lambda: None) if address_of(asked.url).loopback else fence_gate(home),
    )


_MAKERS: dict[str, Callable[[EmbedderSettings, Path], Embedder]] = {
    STATIC.name: _static,
    MINILM.name: _minilm,
    ENDPOINT.name: _endpoint,
}
