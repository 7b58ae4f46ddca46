"""The baseline that the model has to beat: an interpolated modified Kneser-Ney 5-gram over the same tokens.

`ngram.py FILE [--documents N]` counts the training split (tokenized as the checkpoint or GGUF file does) and scores the
held-out split with the rule of evaluate.py: every token after a document's first.
"""

import argparse
import math

import numpy

import data
import export

ORDER, BITS = 5, 12


def packed(ids, starts, order):
    """For each token (and `order` before it, documents padded with end-of-text at the front): n-grams of `order` ids as one number."""
    pad = ids[starts[1] - 1]
    begin = numpy.repeat(starts[:-1], numpy.diff(starts))
    position, key = numpy.arange(len(ids)), numpy.zeros(len(ids), dtype=numpy.uint64)
    for back in range(order - 1, -1, -1):
        at = position - back
        word = numpy.where(at >= begin, ids[numpy.maximum(at, 0)], pad).astype(numpy.uint64)
        key = key << numpy.uint64(BITS) | word
    return key


def _sum_by_context(keys, values):
    """Sorted contexts of sorted n-grams, and the sums of values over each."""
    contexts, first = numpy.unique(keys >> numpy.uint64(BITS), return_index=True)
    return contexts, numpy.add.reduceat(values, first)


def _find(table, keys):
    """(index, found) of keys in a sorted table."""
    at = numpy.minimum(numpy.searchsorted(table, keys), len(table) - 1)
    return at, table[at] == keys


class Level:
    """One order: n-grams with their counts (continuation counts below the highest order), discounts, context sums."""

    def __init__(self, keys, counts):
        self.keys, self.counts = keys, counts.astype(numpy.float64)
        n = [float((counts == c).sum()) for c in (1, 2, 3, 4)]
        y = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
        steps = [c - (c + 1) * y * n[c] / n[c - 1] if n[c - 1] else c * 0.5 for c in (1, 2, 3)]
        self.discounts = numpy.array([0.0] + [min(max(s, 0.05), c) for c, s in zip((1, 2, 3), steps)])
        self.contexts, self.totals = _sum_by_context(keys, self.counts)
        _, self.kept_back = _sum_by_context(keys, self.discount(self.counts))

    def discount(self, counts):
        return self.discounts[numpy.minimum(counts, 3).astype(int)]


def levels(ids, starts):
    highest, counts = numpy.unique(packed(ids, starts, ORDER), return_counts=True)
    made = [Level(highest, counts)]
    keys = highest
    for order in range(ORDER - 1, 0, -1):
        # A lower order counts in how many different contexts it was seen, not how often.
        mask = numpy.uint64((1 << BITS * order) - 1)
        keys, counts = numpy.unique(keys & mask, return_counts=True)
        made.append(Level(keys, counts))
    return made[::-1]


def log_probabilities(made, ids, starts, vocab):
    p = numpy.full(len(ids), 1.0 / vocab)
    for order, level in enumerate(made, 1):
        keys = packed(ids, starts, order)
        at, known = _find(level.contexts, keys >> numpy.uint64(BITS))
        gram, seen = _find(level.keys, keys)
        count = numpy.where(seen, level.counts[gram], 0.0)
        mixed = (count - level.discount(count) + level.kept_back[at] * p) / level.totals[at]
        p = numpy.where(known, mixed, p)
    return numpy.log(p)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("file", help="checkpoint or GGUF file")
    p.add_argument("--documents", type=int, default=60000)
    o = p.parse_args()
    _, tokenizer = export.load_any(o.file)
    ids, starts = data.cached(tokenizer, f"train-{o.documents}", data.TRAIN_SEED, o.documents, False)
    held, held_starts = data.cached(tokenizer, "held", data.HELD_SEED, data.HELD_DOCUMENTS, True)
    scores = log_probabilities(levels(ids, starts), held, held_starts, len(tokenizer))
    scored = numpy.ones(len(held), dtype=bool)
    scored[held_starts[:-1]] = False
    loss = -scores[scored].mean()
    print(f"5-gram (modified Kneser-Ney, {len(ids)} training tokens): held-out loss {loss:.4f} perplexity {math.exp(loss):.3f} over {scored.sum()} tokens")


if __name__ == "__main__":
    main()
