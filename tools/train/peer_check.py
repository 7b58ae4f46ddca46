"""Compares a GGUF file's greedy ids with upstream llama.cpp's: `PEER_HOME=<folder with node_modules> peer_check.py MODEL.gguf`.

The reference is this project's PyTorch model with the file's own (half-rounded) weights in float32. Where the two part,
the gap between the two best logits tells whether that was a tie or an error.
"""

import argparse
import json
import os
import subprocess

import torch
import torch.nn.functional as F

from export import load_gguf
from model import greedy
from sample import chat_prompt

PROMPTS = [
    "Once upon a time", "Once upon a time, there was a brave fox named", "Long ago, a shy hedgehog", "Lily was a kind girl. She", "In a nest by the lake lived",
    "There once was a bear named Otto, who lived near the river.", "The end.", "One day, a little mouse found a shiny key.",
    *[chat_prompt(q) for q in (
        "Write a story about a fox who is afraid of water.", "Tell me a story about a rabbit who loses a hat.", "Write a story about a bear and a mouse.", "What is 7 + 5?",
        "What is the opposite of hot?", "What colour is the sky?", "What day comes after Monday?", "Count from 3 to 9.", "Where does a rabbit live?", "Who are you?",
        "Name three animals.", "What do you do with a spoon?")]]


@torch.no_grad()
def gap(model, ids):
    """Distance of the two best logits after `ids`."""
    logits = F.linear(model.hidden(torch.tensor([ids]))[0, -1], model.token_embd.weight)
    best = logits.topk(2).values
    return float(best[0] - best[1])


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("model")
    p.add_argument("--tokens", type=int, default=100)
    o = p.parse_args()
    torch.set_num_threads(1)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_greedy.mjs")
    answer = subprocess.run(["node", script, os.path.abspath(o.model), str(o.tokens)], input=json.dumps(PROMPTS), capture_output=True, text=True, check=True)
    theirs = json.loads(answer.stdout.strip().splitlines()[-1])
    model, tokenizer = load_gguf(o.model)
    same = 0
    for prompt, peer in zip(PROMPTS, theirs):
        ids = tokenizer.encode(prompt)
        if ids != peer["prompt"]:
            print(f"TOKENS DIFFER {prompt!r}: {ids} {peer['prompt']}")
            continue
        ours = greedy(model, ids, o.tokens)
        if ours == peer["ids"]:
            same += 1
            continue
        at = next(i for i, (a, b) in enumerate(zip(ours, peer["ids"])) if a != b)
        print(f"part at {at}: {prompt!r}, gap of the two best logits {gap(model, ids + ours[:at]):.5f}")
    print(f"{same} of {len(PROMPTS)} prompts: the same {o.tokens} greedy ids")


if __name__ == "__main__":
    main()
