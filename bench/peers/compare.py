#!/usr/bin/env python3
"""Runs `nibble bench` and `nibble_peer bench` by turns and prints one Markdown table with both and their ratio.

usage: compare.py MODEL... [--build DIR] [--rounds N] [-- flags for both, such as -p 512 -n 64 -d 0 -b 1,8 -t 2 -r 2]
       compare.py --formats [Q4_K_M,Q8_0,...] [--shape llama-1b] [--folder DIR] ...

With --formats each file is made by `nibble synth`, measured and deleted before the next one is made; without a list all
common formats. The two programs alternate, and who begins alternates too, because the speed of a shared machine moves by
the minute; each row's figure is the median of the rounds.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

FORMATS = "Q4_K_M,Q4_0,Q8_0,Q6_K,Q5_K_M,Q3_K_M,IQ4_XS,F16,BF16"


def rows(command):
    """The rows a benchmark printed: one JSON array, or an object a line; None when it failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"{' '.join(command)}: exit status {done.returncode}", file=sys.stderr)
        return None
    text = done.stdout.strip()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def test_name(key):
    prompt, generate, depth, columns = key
    text = f"prefill {prompt}" if prompt else f"decode x{columns}"
    return text + (f" @ {depth}" if depth else "")


def measure(model, options, flags):
    """{row key: {program: [tokens/s, ...]}} and {row key: [percent of the ceiling, ...]}"""
    programs = [
        ("nibble", [os.path.join(options.build, "nibble"), "bench", model, "--output-format", "json"]),
        ("peer", [os.path.join(options.build, "nibble_peer"), "bench", model]),
    ]
    speeds, percents = {}, {}
    for turn in range(options.rounds):
        for program, command in programs if turn % 2 == 0 else programs[::-1]:
            found = rows(command + flags)
            if found is None:  # a disturbed machine can put a row above its ceiling: once more
                found = rows(command + flags) or []
            for row in found:
                key = (row["n_prompt"], row["n_gen"], row["n_depth"], row["n_columns"])
                speeds.setdefault(key, {}).setdefault(program, []).append(row["avg_ts"])
                if "percent_of_ceiling" in row:
                    percents.setdefault(key, []).append(row["percent_of_ceiling"])
    return speeds, percents


def print_rows(name, speeds, percents):
    for key, by_program in speeds.items():
        if len(by_program) < 2:
            print(f"{name}, {test_name(key)}: no figure of {'the peer' if 'nibble' in by_program else 'nibble'}", file=sys.stderr)
            continue
        ours, theirs = statistics.median(by_program["nibble"]), statistics.median(by_program["peer"])
        percent = statistics.median(percents[key])
        print(f"| {name} | {test_name(key)} | {ours:.1f} | {percent:.0f} % | {theirs:.1f} | {ours / theirs:.2f} |", flush=True)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--formats", nargs="?", const=FORMATS, help=f"make models of these formats ({FORMATS})")
    parser.add_argument("--shape", default="llama-1b", help="shape of the models made (llama-1b)")
    parser.add_argument("--folder", help="where models are made; otherwise a temporary folder")
    parser.add_argument("--build", default=os.path.join(here, "..", "..", "build"), help="folder of both programs")
    parser.add_argument("--rounds", type=int, default=2)
    given = sys.argv[1:]
    split = given.index("--") if "--" in given else len(given)
    options, flags = parser.parse_args(given[:split]), given[split + 1:]
    if not options.models and not options.formats:
        parser.error("name a MODEL, or --formats")
    print("| model | test | nibble tok/s | of the ceiling | llama.cpp tok/s | ratio |\n|---|---|---:|---:|---:|---:|", flush=True)
    for model in options.models:
        print_rows(os.path.basename(model), *measure(model, options, flags))
    for name in options.formats.split(",") if options.formats else []:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            model = os.path.join(folder, f"{options.shape}-{name}.gguf")
            command = [os.path.join(options.build, "nibble"), "synth", "--shape", options.shape, "--format", name, "-o", model, "-q"]
            if subprocess.run(command).returncode != 0:
                print(f"{name}: could not be made", file=sys.stderr)
                continue
            print_rows(name, *measure(model, options, flags))


main()
