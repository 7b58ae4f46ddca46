"""Data-parallel training on the cores of one machine.

One single-threaded process per core meets the others once a step. Threads inside one process meet after every
operation, and on a shared machine each meeting waits for whichever of them has just lost its core.
"""

import datetime
import os
import tempfile

import torch


class Workers:
    """This process and its forked helpers; `rank` 0 is the one that was started."""

    def __init__(self, count):
        self.count, self.rank = count, 0
        if count == 1:
            return
        torch.set_num_threads(1)
        import torch.distributed as group
        meeting = tempfile.mktemp(prefix="nibble-train-")
        parent = os.getpid()
        for rank in range(1, count):
            if os.fork() == 0:
                self.rank = rank
                break
        self.group, self.parent = group, parent
        # A stopped process must not count as a dead one.
        group.init_process_group("gloo", init_method="file://" + meeting, rank=self.rank, world_size=count, timeout=datetime.timedelta(hours=24))

    def agree(self, value):
        """The value that rank 0 holds."""
        if self.count == 1:
            return value
        box = torch.tensor([value], dtype=torch.float64)
        self.group.broadcast(box, 0)
        return float(box)

    def sum(self, tensors):
        """Replaces each tensor by its sum over the workers."""
        if self.count == 1:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        self.group.all_reduce(flat)
        at = 0
        for t in tensors:
            t.copy_(flat[at:at + t.numel()].view_as(t))
            at += t.numel()

    def average_gradients(self, parameters):
        if self.count > 1:
            self.sum([p.grad for p in parameters])
            for p in parameters:
                p.grad /= self.count
