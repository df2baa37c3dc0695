"""All exhibits, by id."""

from . import backwards, matrices, optimisers, paths, programs, reductions, twice
from .exhibit import EXHIBITS
from .optimisers import OUTSIDE

ROOMS = matrices, twice, backwards, paths, programs, reductions, optimisers

__all__ = ["EXHIBITS", "OUTSIDE", "ROOMS"]
