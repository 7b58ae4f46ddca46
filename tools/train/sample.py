"""Says something with a checkpoint or a GGUF file: `sample.py FILE PROMPT...` (chat), or `--plain` for text to go on from."""

import argparse

import torch

from export import load_any
from model import greedy


def chat_prompt(question):
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("file")
    p.add_argument("prompts", nargs="+")
    p.add_argument("--plain", action="store_true")
    p.add_argument("--tokens", type=int, default=300)
    o = p.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = load_any(o.file)
    for prompt in o.prompts:
        ids = tokenizer.encode(prompt if o.plain else chat_prompt(prompt))
        with torch.no_grad():
            said = greedy(model, ids, o.tokens, stop=(tokenizer.end_of_text, tokenizer.im_end))
        print(f"> {prompt}\n{tokenizer.decode(said)}\n")


if __name__ == "__main__":
    main()
