"""Networks with one thing changed, in whatever layers it concerns, at any depth.

A mutant is the objective that another program differentiates, or believes to: its forward pass or
its backward pass is not ours.  Everything else is computed by the same engine.
"""

import copy
from dataclasses import replace

from ...arrays import functions as F
from ...network.branches import Parallel, Tied
from ...network.compose import Composite, Sequential
from ...network.direction import Direction
from ...network.elementwise import ACTIVATIONS, Elementwise
from ...network.layer import Wrapping
from .hypotheses import ERROR, content
from .retold import retold


def altered(layer, **methods):
    """A copy of a layer with other methods."""
    changed = copy.copy(layer)
    for name, method in methods.items():
        object.__setattr__(changed, name, method)
    return changed


def mutated(objective, kinds, change, only=None):
    """The Objective with change(leaf) for each leaf of these classes; None if there are none.

    only : the number of the one leaf to change, counted among these; all if omitted.
    """
    count = [0]

    def once(leaf):
        count[0] += 1
        made = leaf if only not in (None, count[0] - 1) else change(leaf)
        if made is None:
            raise Unfit
        return made
    try:
        net = rebuilt(objective.net, kinds, once)
    except Unfit:
        return None
    if not count[0] or (only is not None and only >= count[0]):
        return None
    return replace(objective, net=net)


class Unfit(Exception):
    """A leaf of the right class to which the change does not apply."""


def rebuilt(layer, kinds, change):
    """The same layers, with change(leaf) in place of leaves of these classes."""
    if isinstance(layer, kinds):
        return change(layer)
    if isinstance(layer, Tied):
        return Tied(layer.name, rebuilt(layer.layer, kinds, change))
    if isinstance(layer, Wrapping):
        inner = rebuilt(layer.inner, kinds, change)
        return layer if inner is layer.inner else inner
    if not isinstance(layer, Composite):
        return layer
    made = [rebuilt(each, kinds, change) for each in layer.layers]
    if all(a is b for a, b in zip(made, layer.layers)):
        return layer
    if isinstance(layer, Parallel):
        return Parallel(*made, join=layer.join, axis=layer.axis, names=layer.names)
    return Sequential(*made, names=layer.names)


def mutant(name, says, advice, subjects, kinds, change, kind=ERROR, cost=1.0):
    """Registers the content in which change(layer) is in place of every layer of these classes."""
    @content(name, kind, says, advice, subjects, cost)
    def arrays(case):
        return retold(case, mutated(case.objective, kinds, change))


# ---- activations: slopes that are not those of the function ----

def sloped(slope):
    """A change of an Elementwise layer: slope(layer, x, y) instead of its own."""
    return lambda layer: altered(layer, slope=lambda x, y: slope(layer, x, y))


def own_slope(layer, x, y):
    """f'(x) of a layer before it was altered."""
    return ACTIVATIONS[layer.name].slope(x, y, *layer.parameters)


def at_the_output(layer, x, y):
    """f'(f(x))."""
    return own_slope(layer, y, layer.forward(None, y))


def left_out(layer, x, y):
    """1."""
    return F.ones_like(x)


def negated(layer, x, y):
    """-f'(x)."""
    return -own_slope(layer, x, y)


def frozen(layer, x, y):
    """f'(x) as a constant, so that f'' is lost."""
    return own_slope(layer, F.primal(x), F.primal(y)) + F.zeros_like(x)


def like_itself(layer, x, y):
    """f'(x), whose own derivative is f'(x) again."""
    slope = own_slope(layer, F.primal(x), F.primal(y))
    return slope + slope * (x - F.primal(x))


def bent_backwards(layer, x, y):
    """f'(x), whose own derivative is -f''(x)."""
    return 2 * own_slope(layer, F.primal(x), F.primal(y)) - own_slope(layer, x, y)


def at_kinks(value):
    """f'(x), but `value` times the jump above the left slope where x is at a kink; None if never.

    value : 1 for the right side's slope, 1/2 for the mean of both.
    """
    def slope(layer, x, y):
        left = own_slope(layer, x, y)
        for kink in ACTIVATIONS[layer.name].kinks:
            above = own_slope(layer, x + 1e-9, y) if layer.name != "Softsign" else left
            left = F.where(F.primal(x) == kink, left + value * (above - left), left)
        return left
    return slope


# ---- recurrent layers ----

def truncated(direction):
    """Backpropagation through time that forgets the state before each step."""
    def back(coefficients, Ws, dstate):
        gradients, through = direction.cell.back(coefficients, Ws, dstate)
        return gradients, tuple(F.zeros_like(d) for d in through)
    return replace(direction, cell=altered(direction.cell, back=back))


RECURRENT = (Direction,)
ELEMENTWISE = (Elementwise,)
