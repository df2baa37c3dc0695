"""Data: real images that travel with the package, readers that distrust their files, made-up sets.

A problem hands out plain NumPy arrays x (N, ...) and y; an `Objective` turns them into L(theta).
A task is more: objectives to train and to test on, as a paper states them, with a start.
Random sets take an explicit generator and are the same for ever on the same one.
"""

from .batches import batches
from .curves import curves
from .digits import digits
from .files import load_npz, replacing, save_npz
from .idx import load_idx, mnist
from .pictures import cifar10, faces
from .series import characters, load_text, mackey_glass
from .sources import SOURCES, fetch, locate
from .synthetic import spirals, teacher
from .tasks import TASKS, task
from .training import Task
from .zoo import ZOO

__all__ = ["SOURCES", "TASKS", "Task", "ZOO", "batches", "characters", "cifar10", "curves",
           "digits", "faces", "fetch", "load_idx", "load_npz", "load_text", "locate",
           "mackey_glass", "mnist", "replacing", "save_npz", "spirals", "task", "teacher"]
