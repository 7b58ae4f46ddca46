"""Token streams of the corpus, made by tools/corpus and kept in the ignored folder out/."""

import os
import random
import sys
import zlib

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "out")
sys.path.insert(0, os.path.join(HERE, "..", "corpus"))

from generate import documents  # noqa: E402

TRAIN_SEED, HELD_SEED = 1, 2
# The texts from which the tokenizer is trained, and the held-out documents that every loss refers to.
TOKENIZER_DOCUMENTS, HELD_DOCUMENTS = 20000, 1500


def encoded(tokenizer, seed, count, held):
    """All documents as one array of ids, and the offset of each document's start (with the end as last entry)."""
    ids, starts = [], [0]
    for text in documents(seed, count, held):
        ids += tokenizer.encode(text)
        starts.append(len(ids))
    return numpy.array(ids, dtype=numpy.uint16), numpy.array(starts, dtype=numpy.int64)


def cached(tokenizer, name, seed, count, held):
    # The name tells corpus and tokenizer apart, so that a changed generator never meets old tokens.
    mark = zlib.crc32(repr((tokenizer.merges, list(documents(seed, 100, held)))).encode())
    path = os.path.join(OUT, f"{name}-{mark:08x}.npz")
    if os.path.exists(path):
        with numpy.load(path) as kept:
            return kept["ids"], kept["starts"]
    ids, starts = encoded(tokenizer, seed, count, held)
    os.makedirs(OUT, exist_ok=True)
    numpy.savez(path + ".tmp.npz", ids=ids, starts=starts)
    os.replace(path + ".tmp.npz", path)
    return ids, starts


class Batches:
    """Endless batches of whole documents, each row from position 0 as in generation, rows of one batch about equally long.

    Attention then never crosses into another text, and its cost follows the documents' length, not the context's. Some
    rows join several documents up to the whole context, so that late positions are trained, too.
    """

    POOL, JOINED = 512, 0.12

    def __init__(self, ids, starts, seed, context, share=(0, 1)):
        """`share` (rank, count): this worker takes every count-th document."""
        self.ids, self.starts, self.context, self.share = ids, starts, context, share
        self.rng, self.waiting, self.pool_order = random.Random(f"{seed}:{share[0]}"), [], []

    def _next_document(self):
        if not self.pool_order:
            self.pool_order = list(range(self.share[0], len(self.starts) - 1, self.share[1]))
            self.rng.shuffle(self.pool_order)
        at = self.pool_order.pop()
        return self.ids[self.starts[at]:self.starts[at + 1]][:self.context + 1]

    def _fill(self, tokens):
        texts = []
        for _ in range(self.POOL):
            text = self._next_document()
            if self.rng.random() < self.JOINED:
                while len(text) < self.context * 3 // 4:
                    text = numpy.concatenate([text, self._next_document()])[:self.context + 1]
            texts.append(text)
        texts.sort(key=len, reverse=True)
        while texts:
            rows = max(1, tokens // (len(texts[0]) - 1))
            self.waiting.append(texts[:rows])
            texts = texts[rows:]
        self.rng.shuffle(self.waiting)

    def batch(self, tokens):
        """About `tokens` predicted tokens: (rows, length + 1) ids, -1 after a row's end."""
        if not self.waiting:
            self._fill(tokens)
        texts = self.waiting.pop()
        window = numpy.full((len(texts), max(map(len, texts))), -1, dtype=numpy.int64)
        for row, text in enumerate(texts):
            window[row, :len(text)] = text
        return window
