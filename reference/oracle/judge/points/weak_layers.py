"""Layers that hide faults where they stand: windows, masks, kinks, ties, units on or off."""

import numpy as np

from ....network.dropout import Dropout
from ....network.elementwise import ACTIVATIONS, Elementwise
from ....network.embedding import Embedding
from ....network.maxpool import _MaxPool
from ....network.normalise import Normalisation
from ....network.patches import Convolution
from ....network.pooling import _AvgPool
from ....network.transposed import _ConvTranspose
from .audit import CLOSE, listed, weakness

WINDOWS = Convolution, _MaxPool, _AvgPool
SECOND = ("hvp", "hessian", "hessian_blocks", "hessian_diagonal")


def _window(layer, name):
    value = getattr(layer, name, 1)
    return tuple(np.ravel(value).tolist()) if value is not None else None


@weakness("square kernel")
def square_kernel(point):
    """kh = kw."""
    found = [f"layer {place.path}" for place in point.of(*WINDOWS)
             if len(k := _window(place.layer, "kernel_size")) == 2 and k[0] == k[1] > 1]
    if found:
        return f"the kernel of {listed(found)} is square: height in place of width goes unseen"


@weakness("no overlap")
def no_overlap(point):
    """stride >= kernel: no entry is in two windows."""
    found = [f"layer {place.path}" for place in point.of(*WINDOWS)
             if all(s >= k for s, k in zip(_strides(place.layer),
                                           _window(place.layer, "kernel_size")))
             and place.y[0, 0].size > 1]
    if found:
        return (f"the windows of {listed(found)} do not overlap: overwriting in place of adding up "
                "goes unseen")


def _strides(layer):
    k, s = _window(layer, "kernel_size"), _window(layer, "stride")
    return k if s is None else s * len(k) if len(s) < len(k) else s


@weakness("stride is dilation")
def stride_is_dilation(point):
    """stride = dilation: exchanged, they are the same."""
    found = [f"layer {place.path}" for place in point.of(Convolution)
             if not isinstance(place.layer, _ConvTranspose)
             and _strides(place.layer) == _window(place.layer, "dilation")]
    if found:
        return f"stride and dilation of {listed(found)} are equal: exchanged, they go unseen"


@weakness("dropout")
def dropout_half(point):
    """p = 1/2."""
    found = [f"layer {place.path}" for place in point.of(Dropout) if place.layer.p == 0.5]
    if found:
        return f"{listed(found)} drops half: p in place of 1 - p goes unseen"


@weakness("indices")
def no_repeats(point):
    """No word occurs twice."""
    found = [f"layer {place.path}" for place in point.of(Embedding)
             if len(np.unique(place.x)) == place.x.size]
    if found:
        return (f"no index of {listed(found)} occurs twice: a gradient that overwrites in place of "
                "adding up goes unseen")


# ---- kinks ----

def kinks(point):
    """[(relative distance, Place, index, kink), ...], the nearest entry of each layer."""
    found = []
    for place in point.of(Elementwise):
        size = np.sqrt(np.mean(place.x * place.x)) or 1.0
        for kink in ACTIVATIONS[place.layer.name].kinks:
            off = np.abs(place.x - kink)
            i = np.unravel_index(np.argmin(off), off.shape)
            found.append((float(off[i] / size), place, tuple(map(int, i)), kink))
    return found


@weakness("kink")
def near_a_kink(point):
    """Rounding decides on which side an entry is."""
    near = [f"layer {place.path}, entry {list(i)} of its input is {distance:.0e} from its kink at "
            f"{kink}" for distance, place, i, kink in kinks(point) if distance < CLOSE]
    if near:
        return f"{listed(near)}: a correct program may take the other side"


def ties(point):
    """[(relative gap of the two largest, Place), ...] of layers that take maxima."""
    found = []
    for place in point.of(_MaxPool):
        size = np.sqrt(np.mean(place.x * place.x)) or 1.0
        seen = _seen(place)
        top = np.sort(seen, -1)[..., -2:]
        if top.shape[-1] == 2:
            found.append((float((top[..., 1] - top[..., 0]).min() / size), place))
    return found


def _seen(place):
    """The entries of every window (N, C T, k); -inf outside."""
    table, outside, _ = place.layer._of(place.x)
    flat = place.x.reshape(len(place.x), -1)
    seen = flat[:, np.clip(table, 0, flat.shape[1] - 1)]
    return seen if outside is None else np.where(outside, -np.inf, seen)


@weakness("tie")
def tied_maxima(point):
    """Which of two entries is the largest is decided by rounding."""
    near = [f"layer {place.path}" for gap, place in ties(point) if gap < CLOSE]
    if near:
        return (f"two entries of a window of {listed(near)} are both the largest: rounding takes "
                "one, and the tolerance allows for either")


# ---- units ----

def _slopes(point):
    """(Place, f'(x)) of activations that have a kink."""
    for place in point.of(Elementwise):
        line = ACTIVATIONS[place.layer.name]
        if line.kinks:
            yield place, np.asarray(line.slope(place.x, place.y, *place.layer.parameters))


@weakness("dead unit")
def dead(point):
    """f' = 0 for all examples."""
    found = [f"unit {[int(i) for i in unit]} of layer {place.path}" for place, slope in
             _slopes(point) for unit in np.argwhere((slope == 0).all(0))]
    if found:
        return (f"{listed(found)} is off in every example: whatever is wrong with what enters it "
                "is multiplied by 0")


@weakness("all on")
def all_on(point):
    """f' = 1 for all: a derivative that is left out."""
    found = [f"layer {place.path}" for place, slope in _slopes(point) if (slope == 1).all()]
    if found:
        return f"every unit of {listed(found)} is on: a missing derivative goes unseen"


@weakness("blocks without bends", ("hessian_blocks", "hessian_diagonal"))
def no_bends(point):
    """f'' = 0, and no matrix used twice: diagonal blocks of H are those of G."""
    if len(set(point.net.owners)) < len(point.net.owners):
        return None
    bends = [place for place in point.of(Elementwise)
             if not ACTIVATIONS[place.layer.name].linear_pieces]
    others = [place for place in point.places if not isinstance(place.layer, Elementwise)
              and not hasattr(place.layer, "patches") and place.layer.shapes]
    if not bends and not others and not point.of(Normalisation) and all(
            place.layer.linear or place.layer.shapes or isinstance(place.layer, Elementwise)
            for place in point.places):
        return ("no activation bends: diagonal blocks of H are those of the Gauss-Newton matrix, "
                "and a missing residual part goes unseen")


@weakness("linear", SECOND)
def linear(point):
    """One matrix: z is linear in theta."""
    if len(point.matrices) == 1 and len(point.places) == 1 and hasattr(
            point.places[0].layer, "patches"):
        return ("the network is linear in theta: H is the Gauss-Newton matrix, and a missing "
                "residual part goes unseen")


@weakness("constant cotangent", ("vjp",))
def constant_cotangent(point):
    """u constant over what the last layer normalises."""
    u, last = point.arguments.get("u"), point.places[-1].layer
    if u is None or not isinstance(last, Normalisation):
        return None
    if np.ptp(u) <= CLOSE * np.abs(u).max():
        return (f"u is constant and the last layer, {point.places[-1].path}, normalises: what "
                "comes back is 0 whatever is wrong before it")
