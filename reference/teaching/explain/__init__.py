"""Derivations of a quantity, step by step, with the numbers of a net."""

from .explained import explain

__all__ = ["explain"]
