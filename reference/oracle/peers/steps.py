"""What the adapters must know of an objective's network: a list of steps with their shapes.

All sizes follow from the shapes that go in and come out, so a layer is asked for nothing else.
"""

from dataclasses import dataclass
from math import prod

KINDS = ("Dense", "Tanh", "Conv2d", "AvgPool2d", "Flatten", "LSTM")
LOSSES = {"CrossEntropy": 1, "BinaryCrossEntropy": 2, "SquaredError": 2}    # dimensions of y


@dataclass(frozen=True)
class Step:
    """One layer by the name of its class, with the shapes of one example before and after it."""

    kind: str
    inputs: tuple
    outputs: tuple

    @property
    def width(self):
        """Of the square kernel of a convolution (no padding, stride 1) or of a pooling window."""
        if self.kind == "Conv2d":
            return self.inputs[1] - self.outputs[1] + 1
        return self.inputs[1] // self.outputs[1]

    @property
    def shapes(self):
        """Of the matrices that follow each other in theta, a bias last in each row."""
        O = self.outputs[0]
        if self.kind == "Dense":
            return ((O, self.inputs[0] + 1),)
        if self.kind == "Conv2d":
            return ((O, self.inputs[0] * self.width ** 2 + 1),)
        return ((4 * O, self.inputs[1] + 1), (4 * O, O + 1)) if self.kind == "LSTM" else ()

    def matrices(self, t):
        """The step's part of theta (..., p), as matrices (..., O, I)."""
        matrices, start = [], 0
        for O, I in self.shapes:
            matrices.append(t[..., start:start + O * I].reshape(*t.shape[:-1], O, I))
            start += O * I
        return matrices


def steps(objective):
    """[Step, ...] for a chain of Dense and Tanh, a LeNet, an LSTM that ends in Dense, or the like.

    Raises
    ------
    ValueError
        For any other layer or loss, weights, decay, padding, or a layer without bias.  The
        losses are cross-entropy on labels, and the two on targets (N, C), summed over C.
    """
    net, loss, shape, found = objective.net, objective.loss, objective.x.shape[1:], []
    for layer in net.layers:
        kind = type(layer).__name__
        kind = layer.name if kind == "Elementwise" else kind
        found.append(Step(kind, shape, layer.output_shape(shape)))
        shape = found[-1].outputs
    plain = objective.weights is None and objective.reduction == "mean" and not objective.l2
    if (not plain or LOSSES.get(loss.name) != objective.y.ndim or len(shape) != 1
            or loss.name == "CrossEntropy" and loss.parameters != (None, 0.0, None)
            or any(step.kind not in KINDS for step in found)
            or sum(prod(s) for step in found for s in step.shapes) != net.layout.size):
        raise ValueError(f"the adapters know layers {', '.join(KINDS)} with biases, and the mean "
                         f"of {', '.join(LOSSES)} (on labels: the first), not {loss} after {net}.")
    return found


def is_chain(steps):
    """Whether all layers are Dense and Tanh: each block of theta is one weight and its bias."""
    return {step.kind for step in steps} <= {"Dense", "Tanh"}


def sizes(steps):
    """Of the blocks of theta, one per matrix."""
    return [prod(s) for step in steps for s in step.shapes]


def wide(steps):
    """Numbers that one example has in all layers."""
    return sum(prod(step.outputs) for step in steps)


def parts(steps, t):
    """[(step, matrices), ...] of theta (..., P)."""
    start, found = 0, []
    for step in steps:
        size = sum(map(prod, step.shapes))
        found.append((step, step.matrices(t[..., start:start + size])))
        start += size
    return found
