"""Training runs: an optimiser on a task, recorded, interrupted and resumed to the last bit.

A run is a function of its configuration: every random number comes from the seed and from the
number of the epoch or step, and every step begins with what a checkpoint would hold.
"""

from .sweep import sweep
from .trainer import Diverged, Interrupted, evaluate, train

__all__ = ["Diverged", "Interrupted", "evaluate", "sweep", "train"]
