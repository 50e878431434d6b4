"""Vectors: near ones are found through every filter, and a file that is not what was written is never searched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from usearch.index import Index

from quarterdeck_daemon.embedders.api import Vectors
from quarterdeck_daemon.recall import vectors as module
from quarterdeck_daemon.recall.vectors import VectorPart

DIMENSION = 24
GENERATION = "g"


def made(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def opened(root: Path, step: int = 100) -> VectorPart:
    return VectorPart.open(root, "grams", DIMENSION, GENERATION, step)


def nearest(part: VectorPart, query: Vectors, mask: np.ndarray, limit: int = 5) -> list[int]:
    keys, _ = part.search(query, mask, int(mask.sum()), limit)
    return [int(key) for key in keys]


def exactly(vectors: Vectors, query: Vectors, mask: np.ndarray, limit: int = 5) -> list[int]:
    scores = np.where(mask, vectors @ query, -9.0)
    return [int(key) for key in np.argsort(-scores)[: min(limit, int(mask.sum()))]]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs from a few rows on, so that tests are quick."""
    monkeypatch.setattr(module, "SIDE_ROWS_MAX", 200)
    monkeypatch.setattr(module, "EXACT_ROWS_MAX", 50)


def test_the_nearest_are_found_with_any_filter_before_and_after_folding(tmp_path: Path, small: None) -> None:
    part, vectors, rng = opened(tmp_path), made(1_000), np.random.default_rng(1)
    part.put(range(600), vectors[:600], seq=1, step=1)
    assert part.ripe(quiet=False)
    part.fold()
    part.put(range(600, 1_000), vectors[600:], seq=2, step=2)
    shares = (1.0, 0.5, 0.1, 0.02)
    for share in shares:
        mask = rng.random(1_000) < share
        found = [nearest(part, vectors[n], mask) for n in range(0, 1_000, 100)]
        wanted = [exactly(vectors, vectors[n], mask) for n in range(0, 1_000, 100)]
        kept = sum(len(set(a) & set(b)) for a, b in zip(found, wanted, strict=True))
        assert kept >= 0.96 * sum(map(len, wanted)), share
        assert all(mask[key] for keys in found for key in keys)
    part.close()


def test_cosines_are_those_of_the_vectors_wherever_they_lie(tmp_path: Path, small: None) -> None:
    part, vectors = opened(tmp_path), made(400)
    part.put(range(300), vectors[:300], seq=1, step=1)
    part.fold()
    part.put(range(300, 400), vectors[300:], seq=2, step=2)
    keys = np.array([0, 399, 150, 700])
    wanted = [*(vectors[keys[:3]] @ vectors[7]).tolist(), 0.0]
    assert part.cosines(keys, vectors[7]).tolist() == pytest.approx(wanted, abs=2e-3)
    assert part.has([0, 399, 700]).tolist() == [True, True, False]
    part.close()


def test_vectors_of_zeros_are_left_out(tmp_path: Path) -> None:
    part = opened(tmp_path)
    part.put([0, 1], np.array([np.zeros(DIMENSION), made(1)[0]], np.float32), seq=1, step=1)
    assert (part.rows, nearest(part, made(1)[0], np.ones(2, bool))) == (1, [1])
    part.close()


def test_what_was_put_is_there_after_reopening(tmp_path: Path, small: None) -> None:
    part, vectors = opened(tmp_path), made(500)
    part.put(range(300), vectors[:300], seq=3, step=1)
    part.fold()
    part.put(range(300, 500), vectors[300:], seq=5, step=2)
    part.note_learned(b"what it knows")
    part.close()
    again = opened(tmp_path)
    assert (again.rows, again.seq, again.learned) == (500, 5, b"what it knows")
    assert nearest(again, vectors[480], np.ones(500, bool), 1) == [480]
    assert nearest(again, vectors[80], np.ones(500, bool), 1) == [80]
    again.close()


def test_what_the_catalogue_does_not_know_of_is_not_believed(tmp_path: Path) -> None:
    """After a crash the catalogue may have lost its last put; a key means another row then."""
    part, vectors = opened(tmp_path, step=0), made(20)
    part.put(range(10), vectors[:10], seq=1, step=1)
    part.put(range(10, 20), vectors[10:], seq=2, step=2)
    part.close()
    behind = opened(tmp_path, step=1)
    assert (behind.rows, behind.seq) == (10, 1)
    behind.put([10], vectors[19:], seq=2, step=2)
    behind.close()
    again = opened(tmp_path, step=2)
    assert (again.rows, nearest(again, vectors[19], np.ones(20, bool), 1)) == (11, [10])
    again.close()
    other = VectorPart.open(tmp_path, "grams", DIMENSION, "another", 100)
    assert (other.rows, other.seq) == (0, 0)
    other.close()


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def closed(tmp_path: Path, small: None) -> Path:
    part, vectors = opened(tmp_path), made(400)
    part.put(range(300), vectors[:300], seq=3, step=1)
    part.fold()
    part.put(range(300, 400), vectors[300:], seq=5, step=2)
    part.note_learned(b"learned")
    part.close()
    return tmp_path


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_flipped_a_cut_and_a_missing_file_mean_a_new_part_or_the_same_vectors(closed: Path, tmp_path: Path) -> None:
    sound, vectors = tmp_path.parent / f"{tmp_path.name}-sound", made(400)
    shutil.copytree(closed, sound)
    fresh = 0
    for path in [path.relative_to(closed) for path in files(closed)]:
        for harm in ("flip", "cut", "delete"):
            shutil.rmtree(closed)
            shutil.copytree(sound, closed)
            _harm(closed / path, harm)
            part = opened(closed)
            whole = (part.rows, part.seq) == (400, 5)
            assert whole or (part.rows, part.seq) in ((0, 0), (300, 3)), (path, harm)
            # The side alone may be lost; what is there is what was written.
            known = np.flatnonzero(part.has(range(400)))
            assert nearest(part, vectors[0], np.ones(400, bool), 1) == known[:1].tolist(), (path, harm)
            fresh += not whole
            part.close()
    assert fresh >= 9


def _harm(path: Path, harm: str) -> None:
    raw = bytearray(path.read_bytes())
    if harm == "delete":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    else:
        raw[len(raw) // 2] ^= 0x40
        path.write_bytes(raw)


def test_without_the_check_flipped_bytes_would_be_searched(closed: Path) -> None:
    """The twin: usearch alone opens a file with changed vectors, and gives other distances than those written."""
    graph = next(path for path in files(closed) if path.suffix == ".usearch")
    sound = Index.restore(str(graph), view=False)
    raw = bytearray(graph.read_bytes())
    for at in range(64, 4_096, 2):  # Of half precision numbers, a part of the exponent.
        raw[at + 1] ^= 0x08
    damaged = closed / "damaged.usearch"
    damaged.write_bytes(raw)
    unchecked = Index.restore(str(damaged), view=True)
    assert sound is not None
    assert unchecked is not None
    query = made(1)[0]
    assert sound.search(query, 5).distances.tolist() != unchecked.search(query, 5).distances.tolist()
    graph.write_bytes(raw)
    part = opened(closed)
    assert part.rows == 0
    part.close()


def test_a_kill_while_the_graph_is_saved_leaves_the_old_files_or_the_new(tmp_path: Path) -> None:
    """Child processes put and fold without end and are killed at odd moments; what opens afterwards is whole."""
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from quarterdeck_daemon.recall import vectors as module\n"
        "module.SIDE_ROWS_MAX, module.SIDE_SHARE_MAX = 20, 0.0\n"
        "part = module.VectorPart.open(Path(sys.argv[1]), 'grams', 24, 'g', 10**6)\n"
        "print('open', flush=True)\n"
        "while True:\n"
        "    first, step = part.rows, part.step + 1\n"
        "    rows = np.random.default_rng(first).normal(size=(30, 24)).astype(np.float32)\n"
        "    rows /= np.linalg.norm(rows, axis=1, keepdims=True)\n"
        "    part.put(range(first, first + 30), rows, seq=first + 30, step=step)\n"
        "    if part.ripe(quiet=False): part.fold()\n"
    )
    opened(tmp_path, step=0).close()
    before = 0
    for round in range(4):
        with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            while len(list(tmp_path.rglob("*.usearch"))) == 0 or _rounds(tmp_path) < round:
                os.sched_yield()
            child.kill()
        part = VectorPart.open(tmp_path, "grams", DIMENSION, GENERATION, 10**6)
        assert part.rows == part.seq >= before
        before = part.rows
        query = np.random.default_rng(0).normal(size=(30, 24)).astype(np.float32)[3]
        assert nearest(part, query / np.linalg.norm(query), np.ones(part.rows, bool), 1) == [3]
        part.close()


def _rounds(root: Path) -> int:
    """How often the graph was saved; 0 while its name is just changing."""
    return max((int(path.stem.partition("-")[2]) for path in root.rglob("base-*.usearch")), default=0)
