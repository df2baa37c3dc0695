"""What is known of a computed value: the layers before it, and how its axes lie.

Here examples come first and the steps of a sequence second; ONNX's recurrent operators want the
steps first, and answer with an axis of directions.  So a value is ours, seen in another order of
its axes, and that of the directions may still be apart; Transpose, Squeeze and Reshape undo it.
"""

from dataclasses import dataclass, replace
from math import prod

from .affine import Dense
from .embedding import Embedding
from .onnx_layers import flattening
from .onnx_build import Step
from .padding import Flatten, Transpose
from .places import require_image
from .pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d
from .recurrent import Recurrent

LARGEST = 2 ** 24                       # entries of a table that tells the size behind a window


@dataclass(frozen=True)
class Value:
    """Steps; an example's shape (None: unknown); which of our axes each of theirs is.

    split : whether the last two axes, directions and features, are one of our layer's output.
    """

    steps: tuple
    shape: tuple
    order: tuple
    split: bool = False

    @classmethod
    def plain(cls, steps, shape):
        """Axes as ours."""
        return cls(steps, tuple(shape), tuple(range(len(shape) + 1)))

    @property
    def sizes(self):
        """Of all axes, as they lie."""
        return [(None, *self.shape)[i] for i in self.order]


def settled(value):
    """The value with axes as ours, by a Transpose layer if need be."""
    own, order = tuple(range(len(value.order))), value.order
    if not value.split and order == own:
        return value
    if value.split or len(own) < 3 or order != (*own[:-2], own[-1], own[-2]):
        raise ValueError(f"its input has its axes in the order {order} of (examples, ...), "
                         f"directions {'apart' if value.split else 'joined'}; a Transpose, Squeeze "
                         "or Reshape that makes it (0, 1, ...) is needed before it.")
    return _with(value, [(Transpose(), {})], (*value.shape[:-2], *value.shape[:-3:-1]))


def _with(value, layers, shape):
    """Layers without arrays behind a value."""
    steps = tuple(Step(layer, "", arrays, ()) for layer, arrays in layers)
    return Value.plain(value.steps + steps, shape)


# ---- axes ----

def transposed(value, perm):
    """Axes in another order."""
    perm = tuple(range(len(value.order)))[::-1] if perm is None else perm
    if sorted(perm) != list(range(len(value.order))):
        raise ValueError(f"perm={perm} is no order of the {len(value.order)} axes.")
    return replace(value, order=tuple(value.order[p] for p in perm))


def squeezed(value, axes):
    """Without the axis of one direction; or an image of one place as its channels."""
    axes = set() if axes is None else {int(a) % len(value.order) for a in axes}
    if value.split and {value.order[a] for a in axes} == {len(value.shape) - 1} \
            and value.shape[-2] == 1:
        kept = [o for a, o in enumerate(value.order) if a not in axes]
        order = tuple(min(o, len(kept) - 1) for o in kept)
        return Value(value.steps, (*value.shape[:-2], value.shape[-1]), order)
    value = settled(value)
    if axes == set(range(2, len(value.order))) and set(value.shape[1:]) == {1}:
        return _with(value, flattening(value.shape), value.shape[:1])
    raise ValueError(f"axes {sorted(axes)} of {value.sizes} are not squeezed here; the directions "
                     "of a recurrent layer are, and places of which there is one.")


def reshaped(value, target, examples):
    """All axes of an example as one; or the directions with the features."""
    if target is None or target.ndim != 1 or target.dtype.kind != "i":
        raise ValueError("its shape must be an initializer or a Constant of integers.")
    target, sizes = tuple(map(int, target)), value.sizes
    sizes[value.order.index(0)] = examples
    if value.split and value.order[-2:] == (len(value.shape) - 1, len(value.shape)) \
            and _keeps(target, [*sizes[:-2], sizes[-2] * sizes[-1]], len(target) - 1):
        joined = (*value.shape[:-2], sizes[-2] * sizes[-1])
        return Value(value.steps, joined, value.order[:-1])
    value = settled(value)
    if _keeps(target, sizes, len(sizes)):
        return value
    width = None if None in value.shape else prod(value.shape)
    if len(target) == 2 and width is None and target[0] == 0:
        width = target[1] if target[1] > 0 else None
    if not _keeps(target, [examples, width], 1):
        raise ValueError(f"shape {list(target)} of examples of shape {value.shape} is not here; "
                         "one that keeps the examples and makes one axis of the others is; pass "
                         "shape= if the file does not say that of an example.")
    return _with(value, flattening(value.shape), (width,))


def _keeps(target, sizes, same):
    """Whether a Reshape to `target` gives these sizes (None: unknown), the first `same` as before.
    """
    free = [t for i, (t, size) in enumerate(zip(target, sizes))
            if not (t == size or t == 0 and i < same)]
    return len(target) == len(sizes) and free in ([], [-1])


def unrolled(value, step, layout):
    """Behind a recurrent layer: all steps, or the last, with an axis of directions."""
    if value.order != ((0, 1, 2) if layout else (1, 0, 2)) or value.split:
        raise ValueError(f"layout={layout or 0} with axes in the order {value.order} of (examples, "
                         "steps, features) is not here; layout=1, or a Transpose to steps, "
                         "examples, features before it, is.")
    layer, T = step.layer, value.shape[0]
    behind(layer, value.shape)
    ways = (1 + layer.bidirectional, layer.hidden)
    shape, first = (ways, (1, 0, 2)) if layer.last else ((T, *ways), (1, 2, 0, 3))
    order = tuple(range(len(first))) if layout else first
    return Value(value.steps + (step,), shape, order, split=True)


# ---- sizes ----

def behind(layer, shape):
    """An example's shape behind a layer, None where unknown."""
    if isinstance(layer, (AdaptiveAvgPool1d, AdaptiveAvgPool2d)):
        return (shape[0],) + layer.output_size
    if hasattr(layer, "tables"):
        return _windows(layer, shape)
    if None not in shape:
        return layer.output_shape(shape)
    if isinstance(layer, Embedding):
        return (*shape, layer.features)
    if isinstance(layer, Flatten) or isinstance(layer, Recurrent) and layer.last:
        return (None,)
    return (*shape[:-1], layer.outputs) if isinstance(layer, Dense) else shape


def _windows(layer, shape):
    """(channels, *places); None where it would take long to tell."""
    if shape and shape[0] is not None:
        require_image(layer, shape, layer.axes, getattr(layer, "inputs", None))
    channels, sizes = getattr(layer, "outputs", shape[0]), shape[1:]
    kernel, stride, dilation, pads = (
        getattr(layer, name, (1,)) for name in ("kernel_size", "stride", "dilation", "padding"))
    k, s, d, p = map(max, (kernel, stride, dilation, pads))
    if None in sizes or any((n * s + 2 * p + d * k) * k > LARGEST for n in sizes):
        return (channels,) + (None,) * len(sizes)
    return (channels, *map(len, layer.tables(sizes)))
