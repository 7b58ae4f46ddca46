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


class Windows:
    """Windows of `length` + 1 ids that begin at a document's start, as generation does, and run on into the documents after it."""

    def __init__(self, ids, starts, seed, share=(0, 1)):
        """`share` (rank, count): this worker takes every count-th window."""
        self.ids, self.starts, self.seed, self.epoch, self.share = ids, starts, seed, -1, share
        self.order, self.at = [], 0

    def _reshuffle(self, length):
        self.epoch += 1
        rng = random.Random(f"{self.seed}:{self.epoch}")
        chosen = []
        position = rng.randrange(0, min(50, len(self.starts)))
        while position < len(self.starts) - 1:
            begin = int(self.starts[position])
            if begin + length + 1 > len(self.ids):
                break
            chosen.append(begin)
            # Go on with the document that the window cut, so that no text is left out.
            position = int(numpy.searchsorted(self.starts, begin + length, side="right")) - 1
            if int(self.starts[position]) == begin:
                position += 1
        rng.shuffle(chosen)
        self.order, self.at = chosen[self.share[0]::self.share[1]], 0

    def batch(self, rows, length):
        if self.at + rows > len(self.order):
            self._reshuffle(length)
        begins = self.order[self.at:self.at + rows]
        self.at += rows
        return numpy.stack([self.ids[b:b + length + 1] for b in begins]).astype(numpy.int64)
