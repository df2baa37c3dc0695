"""The numbers between two conventions: of the loss, and of the two factors of each matrix."""

from dataclasses import replace
from math import prod

import numpy as np

from ...network.compose import leaves
from ...network.patches import Convolution
from .quantities import JACOBIAN


class Impossible(ValueError):
    """What one convention has cannot be had from the other, or is not known."""


def of_loss(record, objective, scale, form=None):
    """theirs/ours of what the loss scales, as `quantities` says.

    Raises
    ------
    Impossible
        If the record does not know the loss, or weight decay would be scaled along.
    """
    if scale == "none":
        return 1.0
    e, divisor = loss_of(record, objective)
    if scale == "example":
        return _per_example(record, objective, e, divisor)
    c = e ** (2 if scale == "squared" else 1) * objective.R / divisor
    if objective.l2 and c != 1 and form != JACOBIAN:
        raise Impossible(f"{record.title} scales the loss by {c:.6g} and not the weight decay: "
                         "convert what belongs to an objective with l2=0.")
    return float(c)


def loss_of(record, objective):
    """(e, R'): the factor of loss_n, and what theirs is divided by."""
    if record.losses == {}:
        return 1, objective.R
    name = objective.loss.name
    e, divisor = (record.losses or {}).get(name, (None, None))
    if e is None:
        raise Impossible(f"{record.title}'s scale of {name} is not known.")
    return e, 1 if objective.reduction == "sum" else {
        "1": 1, "N": objective.N, "elements": prod(objective.output_shape),
        "labels": replace(objective, reduction="mean over labels").R}[divisor]


def _per_example(record, objective, e, divisor):
    if record.per_example is None:
        raise Impossible(f"what {record.title} divides gradients of single examples by is not "
                         "known.")
    if record.per_example == "loss_n/R":
        return e / divisor
    return e if objective.reduction == "sum" or record.losses == {} else e * objective.N / divisor


# ---- Kronecker factors ----

def of_factors(record, objective, setting, kind):
    """[(scale of G, scale of A), ...], theirs against ours, per matrix.

    Raises
    ------
    Impossible
        If the record has no such setting, or mixes two in one product, at several places.
    """
    if not record.factors:
        raise Impossible(f"{record.title} has no Kronecker factors.")
    e, divisor = loss_of(record, objective)
    empirical = record.squared or kind == "empirical"
    c = e ** (2 if empirical else 1) * objective.R / divisor
    return [_of_layer(record, objective, setting, leaf, S, divisor, c)
            for leaf, S in zip(owners(objective.net), places(objective))]


def _of_layer(record, objective, setting, leaf, S, divisor, c):
    kind = "convolution" if isinstance(leaf, Convolution) else "linear"
    known = record.factors if S > 1 else {setting: next(iter(record.factors.values()))}
    if setting not in known:
        raise Impossible(f"{record.title} has {' and '.join(record.factors)} alone, at {S} places: "
                         f"the means and sums over places of {setting!r} are of other products, "
                         "and neither setting can be made of the other.")
    pair = known[setting].get(kind)
    if pair is None and S == 1:                    # kinds differ in powers of S alone
        pair = next(filter(None, known[setting].values()))
    if pair is None:
        raise Impossible(f"{record.title}'s scale of a {kind} layer used at {S} places is not "
                         "known.")
    mixed = [f"{name} is that of {factor.setting!r}" for name, factor in zip("GA", pair)
             if factor.setting != setting]
    if S > 1 and mixed:
        raise Impossible(f"{record.title} at {S} places: {', '.join(mixed)}, which sums over "
                         f"places before the product: a factor of {setting!r} cannot be made of "
                         "it, nor it of that.")
    symbols = {"N": objective.N, "S": S, "R": divisor}
    return c * pair[0].value(symbols), pair[1].value(symbols)


def owners(net):
    """The layer of each matrix of the layout."""
    found = {}
    own = iter(net.owners)
    for leaf in leaves(net):
        for _ in leaf.shapes:
            found.setdefault(next(own), leaf)
    return [found[l] for l in range(len(net.layout.shapes))]


def places(objective):
    """S of each matrix: at how many places of an example it is used."""
    net, theta = objective.net, np.zeros(objective.net.layout.size)
    xs = net.forward(theta, objective.x)
    uses, _ = net.backward(theta, xs, np.zeros_like(xs[-1]))
    return [use.pairs()[0][0].shape[-2] for use in uses]
