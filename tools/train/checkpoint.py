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


@torch.no_grad()
def ternary_from(model, sample):
    """A ternary model that starts from the weights of a float one.

    Each sub-norm starts at the size that its input has in the float model on `sample` (rows of ids), so that the layers
    after it see what they are used to.
    """
    sizes = {}

    def measure(name):
        return lambda _, inputs: sizes.update({name: float(inputs[0].float().square().mean().sqrt())})

    watched = {"attn_output": "attn_sub_norm", "ffn_down": "ffn_sub_norm"}
    hooks = [getattr(layer, matrix).register_forward_pre_hook(measure(f"blk.{i}.{norm}.weight"))
             for i, layer in enumerate(model.blk) for matrix, norm in watched.items()]
    model.hidden(sample)
    for hook in hooks:
        hook.remove()
    config = Config(**{**model.config.as_dict(), "ternary": True})
    sibling = Model(config).to(next(model.parameters()).device)
    missing, unexpected = sibling.load_state_dict(model.state_dict(), strict=False)
    if unexpected or set(missing) != set(sizes):
        raise ValueError(f"weights do not fit: {missing} {unexpected}")
    for name, parameter in sibling.named_parameters():
        if name in sizes:
            parameter.fill_(sizes[name])
    return sibling


def thaw(model):
    """Makes a ternary model that was read from a file trainable: latent weights that round to the same codes and scale."""
    for module in model.modules():
        if isinstance(module, Linear) and module.stored:
            # The scale of a matrix is its absolute mean, which the zeros lower; dividing by the share of the others restores it.
            module.weight.data /= (module.weight.data != 0).float().mean()
            module.stored = False
    return model
