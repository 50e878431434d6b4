"""The floor of recall: tantivy, usearch and RocksDB put together in the least code that answers.

One text field stemmed as English, one f16 graph over the same embedder's vectors, the texts under their number. No
filters, no versions, no explanation, no floor of relevance, no sealing, no process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tantivy
from rocksdict import Options, Rdict, WriteBatch
from usearch.index import Index

from quarterdeck_daemon.embedders.static import StaticEmbedder

K = 10
WRITER_BYTES = 50_000_000


class BareRecall:
    """Owns a folder. `add` in batches, `close`, `open` again, `search`."""

    def __init__(self, folder: Path, *, fresh: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._graph_path = folder / "graph"
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("id", stored=True, indexed=True)
        builder.add_text_field("text", tokenizer_name="en_stem", index_option="freq")
        (folder / "words").mkdir(exist_ok=True)
        self._words = tantivy.Index(builder.build(), str(folder / "words"), not fresh)
        self._embedder = StaticEmbedder()
        self._graph = Index(ndim=self._embedder.dimension, metric="cos", dtype="f16", connectivity=16)
        if not fresh:
            self._graph.view(str(self._graph_path))
        self._texts = Rdict(str(folder / "texts"), Options(raw_mode=True))
        self._count = 0

    def add(self, texts: Sequence[str]) -> None:
        """Index and make durable; one batch."""
        writer = self._words.writer(WRITER_BYTES, 1)
        batch = WriteBatch(raw_mode=True)
        for number, text in enumerate(texts, start=self._count):
            document = tantivy.Document()
            document.add_integer("id", number)
            document.add_text("text", text)
            writer.add_document(document)
            batch.put(number.to_bytes(8, "big"), text.encode())
        keys = np.arange(self._count, self._count + len(texts))
        self._graph.add(keys, self._embedder.documents(texts), threads=1)
        self._texts.write(batch)
        self._texts.flush_wal(True)
        writer.commit()
        writer.wait_merging_threads()
        self._words.reload()
        self._count += len(texts)

    def keyword(self, query: str) -> list[int]:
        searcher = self._words.searcher()
        parsed, _ = self._words.parse_query_lenient(query, ["text"])
        found = searcher.search(parsed, K).hits
        return [int(searcher.doc(address)["id"][0]) for _, address in found]

    def vector(self, query: str) -> list[int]:
        return [int(key) for key in self._graph.search(self._embedder.queries([query])[0], K).keys]

    def hybrid(self, query: str) -> list[bytes | None]:
        """Both sides, and the texts of what either found."""
        found = dict.fromkeys((*self.keyword(query), *self.vector(query)))
        return [self._texts.get(number.to_bytes(8, "big")) for number in found]

    def close(self) -> None:
        self._graph.save(str(self._graph_path))
        self._texts.close()
