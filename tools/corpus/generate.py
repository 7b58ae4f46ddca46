"""Writes the corpus: `generate.py --documents N --seed S [--held-out] [--output FILE]`.

The same seed gives the same bytes on every machine. The held-out split draws only from combinations (plot, row, hero
kind; fact, wording) that the training split never uses, whatever the seeds.
"""

import argparse
import random
import sys

from documents import document


def documents(seed, count, held):
    """Document number i depends on (seed, i) alone, so any part of the corpus can be made by itself."""
    for i in range(count):
        yield document(random.Random(f"{seed}:{i}:{int(held)}"), held)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", action="store_true", help="the held-out split instead of the training split")
    parser.add_argument("--output", help="file to write; standard output without it")
    options = parser.parse_args()
    out = open(options.output, "w", encoding="utf-8", newline="\n") if options.output else sys.stdout
    for text in documents(options.seed, options.documents, options.held_out):
        out.write(text + "\n")
    out.flush()


if __name__ == "__main__":
    main()
