#!/usr/bin/env python3
"""Runs `nibble bench` and `nibble_peer bench` by turns on one model and prints both with their ratio.

usage: compare.py MODEL [--build DIR] [--rounds N] [-- flags for both, such as -p 512 -n 64 -d 0 -b 1,8 -t 2 -r 2]

The two alternate because the speed of a shared machine moves by the minute; each row's figure is the mean of the rounds.
"""
import argparse
import json
import os
import subprocess
import sys


def rows(command):
    """The rows a benchmark printed: one JSON array, or an object a line."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}")
    text = done.stdout.strip()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def name(key):
    prompt, generate, depth, columns = key
    text = f"prefill {prompt}" if prompt else f"decode x{columns}"
    return text + (f" @ {depth}" if depth else "")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--build", default=os.path.join(here, "..", "..", "build"), help="folder of both programs")
    parser.add_argument("--rounds", type=int, default=2)
    given = sys.argv[1:]
    split = given.index("--") if "--" in given else len(given)
    options, flags = parser.parse_args(given[:split]), given[split + 1:]
    programs = {
        "nibble": [os.path.join(options.build, "nibble"), "bench", options.model, "--output-format", "json"],
        "peer": [os.path.join(options.build, "nibble_peer"), "bench", options.model],
    }
    speeds, ceilings = {}, {}
    for _ in range(options.rounds):
        for program, command in programs.items():
            for row in rows(command + flags):
                key = (row["n_prompt"], row["n_gen"], row["n_depth"], row["n_columns"])
                speeds.setdefault(key, {}).setdefault(program, []).append(row["avg_ts"])
                if "percent_of_ceiling" in row:
                    ceilings.setdefault(key, []).append(row["percent_of_ceiling"])
    mean = lambda samples: sum(samples) / len(samples)
    print("| test | nibble tok/s | of the ceiling | llama.cpp tok/s | ratio |\n|---|---:|---:|---:|---:|")
    for key, by_program in speeds.items():
        if len(by_program) == 2:
            ours, theirs = mean(by_program["nibble"]), mean(by_program["peer"])
            print(f"| {name(key)} | {ours:.1f} | {mean(ceilings[key]):.0f} % | {theirs:.1f} | {ours / theirs:.2f} |")


main()
