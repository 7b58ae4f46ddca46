#!/usr/bin/env python3
"""Quality, size and speed of the shipped model in every format and recipe, as a table (standard library only).

usage: quality.py [--write docs/quality.md] [--documents N] [--model FILE] [--ternary FILE] [--build DIR] [--threads N]

Held-out documents of tools/corpus (those of tools/train/evaluate.py, the first N of them) are scored one by one. Each
variant is made by `nibble quantize`, compared with the F16 file's saved predictions by `nibble perplexity`, and timed
by `nibble bench` (best sample). --write puts the table between the marks in that file.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..")
SEED_HELD, SEED_TRAINING = 2, 1  # as in tools/train/data.py
MARKS = "<!-- begin: bench/quality.py -->\n", "<!-- end -->\n"
FORMATS = "Q8_0 Q6_K Q5_K Q5_1 Q5_0 Q4_K Q4_1 Q4_0 IQ4_NL IQ4_XS MXFP4 Q3_K Q2_K TQ2_0 TQ1_0".split()  # I2_S has no rows to look up an embedding in
RECIPES = ("BF16 Q8_0 Q6_K Q5_K_M Q5_K_S Q5_1 Q5_0 Q4_K_M Q4_K_S Q4_1 Q4_0 IQ4_NL IQ4_XS MXFP4_MOE Q3_K_L Q3_K_M Q3_K_S "
           "Q2_K TQ2_0 TQ1_0 I2_S").split()
WITH_IMPORTANCE = "Q4_K_M IQ4_XS Q3_K_M Q2_K".split()
CHOSEN_BITS = "6 5 4.5 4 3.5 3".split()
COLUMNS = ["variant", "MiB", "bits/weight", "perplexity", "KL divergence from F16", "same top token"]
SPEEDS = ["prefill tok/s", "decode tok/s"]


def output_of(words, may_fail=False):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0 and not (may_fail and done.stdout):
        sys.exit(f"{' '.join(words)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def line(cells):
    return "| " + " | ".join(cells) + " |\n"


class Study:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.program = os.path.join(options.build, "nibble")
        self.threads = ["-t", str(options.threads)]
        self.logits, self.text = self.path("base.logits"), self.path("held-out.txt")
        self.corpus(self.text, SEED_HELD, options.documents, ["--held-out"])

    def path(self, name):
        return os.path.join(self.folder, name)

    def corpus(self, path, seed, documents, more):
        output_of([sys.executable, os.path.join(ROOT, "tools", "corpus", "generate.py"), "--seed", str(seed),
                   "--documents", str(documents), "--output", path] + more)

    def nibble(self, command, *words, may_fail=False):
        return output_of([self.program, command, *words], may_fail)

    def base(self):
        """Scores the F16 file, keeps its predictions and says what was scored."""
        scored = json.loads(self.nibble("perplexity", self.options.model, "-f", self.text, "--documents", "--save-logits",
                                        self.logits, "--json", *self.threads))
        return scored, self.row("F16", self.options.model, scored["perplexity"])

    def importance(self):
        text, matrix = self.path("training.txt"), self.path("importance.gguf")
        self.corpus(text, SEED_TRAINING, max(100, self.options.documents), [])
        self.nibble("imatrix", self.options.model, "-f", text, "--special", "-o", matrix, "-q", *self.threads)
        return ["--imatrix", matrix]

    def matrices(self):
        plan = json.loads(self.nibble("quantize", self.options.model, "F16", "--dry-run", "--json"))
        return [t["name"] for t in plan["tensors"] if t["from"] != "F32"]

    def variant(self, name, *words):
        file = self.path("variant.gguf")
        self.nibble("quantize", self.options.model, file, "-q", *words, *self.threads)
        return self.measured(name, file)

    def measured(self, name, file):
        result = json.loads(self.nibble("perplexity", file, "--base-logits", self.logits, "--json", *self.threads))
        return self.row(name, file, result["perplexity"], result)

    def row(self, name, file, perplexity, divergence=None):
        about = json.loads(self.nibble("inspect", file, "--json"))
        tensor_bytes = sum(f["bytes"] for f in about["formats"].values())
        cells = [name, f"{about['file_bytes'] / 2**20:.2f}", f"{8 * tensor_bytes / about['parameters']:.2f}", f"{perplexity['value']:.4f}"]
        if divergence:
            cells += [f"{divergence['kl']['value']:.5f} ± {divergence['kl']['error']:.5f}", f"{100 * divergence['same_top']['value']:.2f} %"]
        else:
            cells += ["", ""]
        if not self.options.no_speed:
            cells += self.speeds(file)
        made = line(cells)
        sys.stderr.write(made)
        return made

    def speeds(self, file):
        # The best of several: other work on the machine only ever takes speed away.
        rows = json.loads(self.nibble("bench", file, "--json", "-p", "256", "-n", "64", "-r", "5", *self.threads, may_fail=True))
        return [f"{max(row['samples_ts']):.0f}" for row in rows]


def table(options, folder):
    study = Study(options, folder)
    scored, base = study.base()
    columns = COLUMNS + ([] if options.no_speed else SPEEDS)
    head = line(columns) + "|---|" + "---:|" * (len(columns) - 1) + "\n"
    perplexity = scored["perplexity"]
    lines = [f"Model `{os.path.basename(options.model)}`, {scored['scored']} tokens of {scored['chunks']} held-out documents; the perplexity of F16 "
             f"is {perplexity['value']:.4f} ± {perplexity['error']:.4f}.\n\n", head, base]
    if os.path.exists(options.ternary):
        lines.append(study.measured("ternary sibling, I2_S (trained so)", options.ternary))
    names = study.matrices()
    importance = study.importance()
    lines += [study.variant(name, name) for name in RECIPES]
    lines += [study.variant(f"{name}, importance", name, *importance) for name in WITH_IMPORTANCE]
    lines += [study.variant(f"--bpw {bits}", "--bpw", bits) for bits in CHOSEN_BITS]
    lines += [study.variant(f"all {name}", "F16", *(word for tensor in names for word in ("--tensor", f"{tensor}={name}"))) for name in FORMATS]
    return "".join(lines)


def write_between_marks(path, made):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    begin, end = text.find(MARKS[0]), text.find(MARKS[1])
    if begin < 0 or end < begin:
        sys.exit(f"{path}: has no lines {MARKS[0].strip()} and {MARKS[1].strip()}")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text[:begin] + MARKS[0] + made + text[end:])


def main():
    models = os.path.join(ROOT, "models")
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default=os.path.join(models, "nibble-story-f16.gguf"))
    parser.add_argument("--ternary", default=os.path.join(models, "nibble-story-ternary-i2s.gguf"), help="measured beside it where the file is there")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder of the program")
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-speed", action="store_true", help="leave the speeds out: they need a machine on which nothing else runs")
    parser.add_argument("--write", help="put the table between the marks in this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = table(options, folder)
    if options.write:
        write_between_marks(options.write, made)
    else:
        print(made, end="")


if __name__ == "__main__":
    main()
