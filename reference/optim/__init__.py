"""Optimisers: frozen dataclasses of hyper-parameters with two pure methods, one paper per file.

    init(objective, theta) -> state
    step(objective, theta, state) -> theta, state, info

`info` is a dict that carries every intermediate worth checking, under the names of `step.NAMES`.
"""

from .step import History, run

__all__ = ["History", "run"]
