"""Exercises that mark themselves: what to write, hints, a mark that says why, solutions.

    asking      a student's function, with what it raises, changes, forgets
    formula     exercises on arrays: truth by another route, typical slips, the judge's search
    network     exercises on a network, judged by `ref.check`
    layer, nets, methods    the exercises; solutions_*, what passes
"""

from .collection import EXERCISES as exercises
from .exercise import Exercise, Stage
from .mark import Mark

__all__ = ["Exercise", "Mark", "Stage", "exercises"]
