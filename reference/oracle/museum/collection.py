"""All exhibits, by id."""

from . import backwards, matrices, optimisers, programs, twice
from .exhibit import EXHIBITS
from .optimisers import OUTSIDE

ROOMS = matrices, twice, backwards, programs, optimisers

__all__ = ["EXHIBITS", "OUTSIDE", "ROOMS"]
