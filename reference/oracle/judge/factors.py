"""Which product of the problem's constants a fitted number is: 0.0909 with N = 11 is 1/N.

Products of up to three constants, each to the power +-1 (and +-2), with a sign; the cheapest that
is near enough.  With pairwise coprime sizes no two of the cheap ones coincide.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

DEGREE = 3
RARE = {"O": 0.25, "I": 0.25, "P": 0.5}     # what nobody means to divide by costs more


@dataclass(frozen=True)
class Factor:
    """A number, what it is made of ("" for 1, None if nothing fits), its cost, and the powers."""

    value: float
    text: str | None = ""
    cost: float = 0.0
    powers: tuple = ()                 # ((symbol, power), ...)

    @property
    def named(self):
        """Whether it is a product of constants."""
        return self.text is not None


UNKNOWN = 6.0                          # cost of a factor without a name


def name(value, constants, closeness):
    """The Factor of a fitted number.

    Parameters
    ----------
    value : float
    constants : dict
        Symbol -> number, none of them 0 or 1.
    closeness : float
        Largest relative distance.
    """
    if abs(value - 1) <= closeness:
        return Factor(1.0)
    size, sign = abs(value), value < 0
    known, values = products(tuple(sorted(constants.items())))
    near = np.abs(size / values - 1) <= closeness
    if near.any():
        cost, text, product, powers = known[np.argmax(near)]
        text = f"-{text or '1'}" if sign else text
        return Factor(-product if sign else product, text, cost + sign, powers)
    return Factor(value, None, UNKNOWN)


@lru_cache(maxsize=64)
def products(constants):
    """([(cost, text, value, powers), ...], values): products of up to DEGREE, cheapest first."""
    values, found = dict(constants), {}
    signed = [(symbol, power) for symbol in values for power in (1, -1)]
    for degree in range(DEGREE + 1):
        for chosen in combinations_with_replacement(signed, degree):
            powers = {symbol: sum(p for s, p in chosen if s == symbol) for symbol, _ in chosen}
            if sum(map(abs, powers.values())) < degree:
                continue                           # something cancels: a cheaper one has it
            value = float(np.prod([values[s] ** p for s, p in powers.items()]))
            cost = degree + sum(RARE.get(s, 0.0) * abs(p) for s, p in powers.items())
            entry, key = (cost, written(powers), value, tuple(powers.items())), np.log(value)
            key = round(float(key), 9)
            found[key] = min(entry, found.get(key, entry), key=lambda each: each[0])
    found = sorted(found.values())
    return found, np.array([value for _, _, value, _ in found])


def written(powers):
    """Symbols and powers as a product: {"N": -1, "C": 2} is C^2/N."""
    def side(sign):
        chosen = [(s, sign * p) for s, p in powers.items() if sign * p > 0]
        return " ".join(s if p == 1 else f"{s}^{p}" for s, p in chosen)
    above, below = side(1), side(-1)
    if not below:
        return above
    alone = " " not in below or below in powers and below.startswith("(")
    return f"{above or '1'}/{below if alone else f'({below})'}"


def fitted(theirs, pred):
    """c with the least |theirs - c pred|, over lists of arrays; nan if pred is 0."""
    square = sum(np.vdot(p, p) for p in pred)
    return float(sum(np.vdot(p, t) for p, t in zip(pred, theirs)) / square) if square else np.nan
