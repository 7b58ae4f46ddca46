"""Checkpoints: weights, configuration, tokenizer merges and the optimizer's state in one file, replaced atomically."""

import os

import torch

from model import Config, Linear, Model
from tokenizer import Tokenizer


def save(path, model, tokenizer, optimizer=None, **progress):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    torch.save(dict(config=model.config.as_dict(), merges=tokenizer.merges, weights=model.state_dict(),
                    optimizer=optimizer.state_dict() if optimizer else None, progress=progress), path + ".tmp")
    os.replace(path + ".tmp", path)


def load(path, device="cpu"):
    """(model, tokenizer, optimizer state or None, progress)"""
    kept = torch.load(path, map_location=device)
    model = Model(Config(**kept["config"])).to(device)
    model.load_state_dict(kept["weights"])
    return model, Tokenizer(kept["merges"]), kept["optimizer"], kept["progress"]


def ternary_from(model):
    """A ternary model that starts from the weights of a float one; its sub-norms start at one."""
    config = Config(**{**model.config.as_dict(), "ternary": True})
    sibling = Model(config).to(next(model.parameters()).device)
    missing, unexpected = sibling.load_state_dict(model.state_dict(), strict=False)
    if unexpected or any("sub_norm" not in name for name in missing):
        raise ValueError(f"weights do not fit: {missing} {unexpected}")
    return sibling


def thaw(model):
    """Makes a ternary model that was read from a file trainable: latent weights that round to the same codes and scale."""
    for module in model.modules():
        if isinstance(module, Linear) and module.stored:
            # The scale of a matrix is its absolute mean, which the zeros lower; dividing by the share of the others restores it.
            module.weight.data /= (module.weight.data != 0).float().mean()
            module.stored = False
    return model
