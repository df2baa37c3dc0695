"""From a direction to a step: backtracking, Armijo's line search, and Levenberg-Marquardt's rule.

Functions of numbers and callables, which every optimiser here may share.
"""

from dataclasses import dataclass
from math import inf, isnan, nan

import numpy as np


@dataclass(frozen=True)
class Search:
    """What a line search found: t (0 if no step was taken), L there, and how many L were asked."""

    length: float
    loss: float
    evaluations: int

    @property
    def accepted(self):
        """Whether there is a step."""
        return self.length > 0


def loss_at(objective, theta):
    """L(theta), and inf where it is NaN: a trial point that overflows is a bad one, no error."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        loss = objective.value(theta)
    return inf if np.isnan(loss) else loss


def armijo(value, loss, slope, at_one=None, shrink=0.8, share=1e-2, trials=60):
    """The first t = 1, shrink, shrink^2, ... with L(t) <= L + share t g.d [Arm66; Mar10].

    Parameters
    ----------
    value : callable
        t -> L(theta + t d).
    loss : number
        L(theta).
    slope : number
        g.d; no step is taken unless it is negative: an increase within share t g.d is no descent.
    at_one : number, optional
        L(theta + d), if it is known.
    shrink, share : float
        In (0, 1); 0.8 and 1e-2 are those of Martens' public code.
    trials : int
        At most so many t.

    Returns
    -------
    Search
        With t = 0 and L(theta) if every t failed, or d is no direction of descent.
    """
    t, asked = 1.0, 0
    for k in range(trials if slope < 0 else 0):
        known = k == 0 and at_one is not None
        there, asked = (at_one, asked) if known else (value(t), asked + 1)
        if there <= loss + share * t * slope:
            return Search(t, there, asked)
        t *= shrink
    return Search(0.0, loss, asked)


def backtrack(value, iterates):
    """(k, L): from the last iterate towards the first, as long as L does not rise [Mar10; MS12].

    Parameters
    ----------
    value : callable
        d -> L(theta + d).
    iterates : array (S, P)
        Of an inner solver, in the order in which they were met.

    Returns
    -------
    k : int
        The row that is taken.
    loss : number
        L there.
    """
    best, loss = len(iterates) - 1, value(iterates[-1])
    for k in reversed(range(best)):
        earlier = value(iterates[k])
        if earlier > loss:
            break
        best, loss = k, earlier
    return best, loss


def reduction_ratio(change, model):
    """rho = change of L over change of the model; -inf where L rises, NaN for 0/0 [Lev44; Mar10].

    A model that promises to rise, as a warm start may leave one, must not vouch for a rise of L.
    """
    if change > 0:
        return -inf
    return change / model if model else nan


def levenberg_marquardt(damping, rho, factor=1.5, low=0.25, high=0.75):
    """lam factor if rho < low or rho is NaN, lam/factor if rho > high, else lam [Mar10, sec. 4.1].

    Parameters
    ----------
    damping : float
        lam.
    rho : number
    factor : float
        More than 1; 3/2 of Martens', 1/0.99 of Kiros' stochastic form [Kir13].
    low, high : float
    """
    if isnan(rho) or rho < low:
        return damping * factor
    return damping / factor if rho > high else damping
