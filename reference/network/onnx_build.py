"""Layers in their order, found in a file, become a Sequential; branches become a Parallel."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .branches import Parallel, Tied
from .compose import Sequential
from .elementwise import Elementwise
from .embedding import Embedding, Unembedding

DEPTH = 100                             # of branches in branches, well below Python's recursion


@dataclass(frozen=True, eq=False)
class Step:
    """A layer, its name, its arrays by PyTorch's names, and the initializers that they are from."""

    layer: Any
    name: str
    arrays: dict
    sources: tuple


@dataclass(frozen=True, eq=False)
class Fork:
    """Tuples of steps, side by side and added."""

    branches: tuple
    leaves: frozenset = field(init=False)
    depth: int = field(init=False)

    def __post_init__(self):
        inner = [step for branch in self.branches for step in branch if isinstance(step, Fork)]
        object.__setattr__(self, "depth", 1 + max((fork.depth for fork in inner), default=0))
        object.__setattr__(self, "leaves", frozenset().union(*map(leaves, self.branches)))
        if self.depth > DEPTH:
            raise ValueError(f"branches within branches are here to a depth of {DEPTH}.")


def leaves(steps):
    """All Steps among steps and in their branches."""
    return frozenset().union(*(step.leaves if isinstance(step, Fork) else {step}
                               for step in steps))


def built(steps):
    """(net, {name: array})."""
    ties = _ties(leaves(steps))
    arrays = {f"{step.name}.{own}": array for step in leaves(steps)
              for own, array in step.arrays.items()}
    return _sequential(steps, ties), arrays


def _sequential(steps, ties):
    layers = [_parallel(step, ties) if isinstance(step, Fork) else ties.get(step, step.layer)
              for step in steps]
    return Sequential(*layers, names=[getattr(step, "name", "") for step in steps])


def _parallel(fork, ties):
    branches = [_sequential(branch, ties) if branch else Elementwise("Identity")
                for branch in fork.branches]
    return Parallel(*branches, names=("",) * len(branches))


def _ties(steps):
    """{step: Tied} of those whose matrix several have."""
    users, ties = {}, {}
    for step in steps:
        if step.sources:
            users.setdefault(step.sources[0], []).append(step)
    for source, sharing in users.items():
        first, *_ = sharing = sorted(sharing, key=lambda step: step.name)
        for step in sharing if len(sharing) > 1 else ():
            if step.sources != first.sources or step.arrays.keys() != first.arrays.keys() \
                    or not all(np.array_equal(a, first.arrays[key])
                               for key, a in step.arrays.items()):
                raise ValueError(f"{first.name!r} and {step.name!r} share {source!r} and not their "
                                 "other arrays, or have it otherwise; here a bias is a column of "
                                 "the weight: let them share all, or nothing.")
        words = any(isinstance(step.layer, Embedding) for step in sharing)
        if len(sharing) > 1:
            ties |= {step: Tied(source, _scoring(step.layer) if words else step.layer)
                     for step in sharing}
    return ties


def _scoring(layer):
    """A Dense layer with an embedding's matrix, as the layer whose matrix is that."""
    return layer if isinstance(layer, Embedding) else Unembedding(layer.inputs, layer.outputs)
