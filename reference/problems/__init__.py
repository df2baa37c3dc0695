"""Data: real images that travel with the package, readers that distrust their files, made-up sets.

A problem hands out plain NumPy arrays x (N, ...) and y; an `Objective` turns them into L(theta).
Random sets take an explicit generator and are the same for ever on the same one.
"""

from .batches import batches
from .digits import digits
from .files import load_npz, replacing, save_npz
from .idx import load_idx, mnist
from .synthetic import spirals, teacher
from .zoo import ZOO

__all__ = ["ZOO", "batches", "digits", "load_idx", "load_npz", "mnist", "replacing", "save_npz",
           "spirals", "teacher"]
