"""Hyper-parameters refused, by name and value: what each optimiser's __post_init__ asks for.

NumPy numbers become Python ones, which widen no theta that they meet.
"""

from ..arrays.checks import is_finite, is_whole, plain, shown


def require_positive(optimizer, *names):
    """ValueError unless these fields are finite numbers > 0."""
    _require(optimizer, names, lambda x: is_finite(x) and x > 0, "a finite number above 0")


def require_not_negative(optimizer, *names):
    """ValueError unless these fields are finite numbers >= 0."""
    _require(optimizer, names, lambda x: is_finite(x) and x >= 0, "a finite number, 0 or more")


def require_fraction(optimizer, *names):
    """ValueError unless these fields are in 0 <= x < 1."""
    _require(optimizer, names, lambda x: is_finite(x) and 0 <= x < 1, "0 or more, and below 1")


def require_whole(optimizer, *names):
    """ValueError unless these fields are whole numbers, at least 1."""
    _require(optimizer, names, lambda x: is_whole(x, 1), "a whole number, at least 1")


def require_flag(optimizer, name):
    """TypeError unless the field is True or False."""
    if not isinstance(getattr(optimizer, name), bool):
        raise TypeError(f"{name} of {type(optimizer).__name__} is "
                        f"{shown(getattr(optimizer, name))}; pass True or False.")


def require_one_of(optimizer, name, choices):
    """ValueError unless the field is one of the choices, listing them."""
    choices = tuple(choices)
    _require(optimizer, [name], lambda x: isinstance(x, str) and x in choices,
             f"one of {', '.join(choices)}")


def require_functions(optimizer, *names):
    """TypeError unless these fields can be called."""
    for name in names:
        if not callable(getattr(optimizer, name)):
            raise TypeError(f"{name} of {type(optimizer).__name__} is "
                            f"{shown(getattr(optimizer, name))}; pass a function.")


def _require(optimizer, names, holds, what):
    for name in names:
        value = plain(getattr(optimizer, name))
        object.__setattr__(optimizer, name, value)
        if not holds(value):
            raise ValueError(f"{name} of {type(optimizer).__name__} is {shown(value)}; pass "
                             f"{what}.")
