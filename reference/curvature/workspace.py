"""What making a matrix, or products with it, takes besides: an estimate from shapes.

The largest arrays that live at the same time, counted; tracemalloc's peak is within a factor of 3
(tests/curvature/test_memory.py).
"""

from functools import partial
from math import prod

from ..arrays import functions as F
from ..arrays.dual import Dual
from ..arrays.namespace import library
from ..derivatives.directions import AT_ONCE
from . import assembly, layerwise, sandwich
from .bottleneck import directions_in_cache
from .memory import itemsize


def passing(objective, theta, back):
    """K -> bytes of the dual numbers that pass through the network along K directions.

    R{y} of all that layers keep, and with `back` as many R{dy}: without it the cotangents J^T is
    given come when the R{y} are gone.  Counted along a single direction, for data do not move:
    they are copied once, beside a 1.
    """
    def of(K):
        still = library(theta).zeros((1, theta.size), "int8") + F.zeros_like(theta)
        trace = objective.net.forward(Dual(theta, still), objective.x)
        moving = (2 if back else 1) * K * sum(_moving(trace, {}).values())
        return itemsize(theta.dtype) * (moving + objective.x.size)
    return of


def _moving(kept, found):
    """{array: numbers in R{array}} of all the dual numbers in a trace."""
    if isinstance(kept, Dual):
        found[id(kept)] = kept.du.size
    elif isinstance(kept, (list, tuple)):
        for each in (*kept, getattr(kept, "kept", None)):
            _moving(each, found)
    return found


def workspace(at, S, second_order, whole):
    """Bytes beside the dense matrix, or beside its diagonal blocks if not `whole`."""
    before = _rows(at, second_order, whole) if any(at.Ws[:at.cut]) else 0
    chain = _chain(at, second_order, whole) if at.starts[at.cut] < at.starts[-1] else 0
    return int(max(before, chain) * at.z.dtype.itemsize)


def _chain(at, second_order, whole):
    """Numbers: S_ll of a batch of examples, S_lm and D_lm on their way down, a tile of products.

    The patches, twice: samples first and last.  And a second matrix, where the chain is copied to
    its place or summed over batches.
    """
    shapes = [W.shape for Ws in at.Ws[at.cut:] for W in Ws]
    widths = [O for O, _ in shapes]
    n = min(len(at.z), assembly.at_a_time(at.z, widths))
    inputs = [I for _, I in shapes]
    tile = min(max(inputs) ** 2, max(assembly.at_once(at.z, assembly.TILE), max(inputs)))
    passed = (len(at.z) + n) * sum(inputs) + n * (
        sum(O * O for O in widths) + (4 if whole and second_order else 2) * max(widths) ** 2 + tile)
    passed += max(widths) ** 2 * tile                    # what their products come to, and a copy
    sizes = [prod(shape) for shape in shapes]
    again = n < len(at.z) or (whole and at.cut > 0)
    return passed + again * (sum(sizes) ** 2 if whole else sum(size ** 2 for size in sizes))


def _rows(at, second_order, whole):
    """Numbers: rows of the layers before the chain, and what passes through the network for them.
    """
    P, own = at.starts[-1], [b - a for a, b in zip(at.starts[:at.cut], at.starts[1:])]
    if second_order:
        at = at if whole else at.alone()
        return max(2 * size * at.width(i) + _directions(at, i, size)
                   for i, size in enumerate(own) if size)
    M, B = at.z[0].size, sum(own)
    jacobian = min(sandwich.ROOM, len(at.z) * M * (B if whole else max(own)))
    return (B * P if whole else 0) + 3 * jacobian + M * _behind(at, 0)


def _directions(at, i, size):
    """Numbers in the dual passes for the rows of layer i, by the way that `layerwise` takes."""
    way = layerwise.way(at, i)
    if way is layerwise.by_bottleneck:
        K = len(at.Ws[at.cut][0])
        return 2 * len(at.z) * K * size + 4 * K * _behind(at, at.cut)
    y, K = at.traces[i][-1], min(size, AT_ONCE)
    if isinstance(way, partial):                                                    # own block
        stop, K = way.keywords["stop"], min(size, directions_in_cache(at, i))
        arrives = at.traces[stop][-1].size
        return 2 * size * arrives + 3 * K * (y.size + _behind(at, stop + 1))
    if way is layerwise.by_pre_activations:
        return 3 * min(K, y[0].size) * (y.size + _behind(at, i + 1))
    joined = 2 * size ** 2 if way is layerwise.by_steps else 0                      # U and U^T
    return joined + 3 * K * (_behind(at, i) - at.traces[i][0].size)          # x stays where it is


def _behind(at, i):
    """Numbers in the traces of layer i and those after it."""
    return sum(y.size for trace in at.traces[i:] for y in trace)
