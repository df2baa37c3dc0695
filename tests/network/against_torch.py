"""A layer of ours against a module of PyTorch, option by option: who accepts, and who answers what.

Each layer stands between Linear and a sine, so that its own input cotangent and its second
derivative count.  (After a tanh that saturates, PyTorch's slope 1 - tanh^2 has no digits.)
"""

from itertools import product

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import reference as ref
from tests.network.record_pytorch import derivatives

CLOSE = 1e-12                          # some thousand roundings, of theirs and of ours
REFUSALS = ValueError, TypeError, RuntimeError, AssertionError, NotImplementedError
N = 3


class Sine(nn.Module):
    """sin x."""

    def forward(self, x):
        return torch.sin(x)


def grid(**options):
    """Every combination."""
    return [dict(zip(options, values)) for values in product(*options.values())]


def build(make, options):
    """Our layer and PyTorch's module; None for the side that refuses these options."""
    sides = []
    for kind in ("layer", "module"):
        try:
            sides.append(make(kind == "layer", options))
        except REFUSALS:
            sides.append(None)
    return sides


def torch_runs(module, x):
    """Whether PyTorch answers x by finite numbers: the maximum of nothing is -inf."""
    try:
        with sdpa_kernel(SDPBackend.MATH):
            y = module(torch.tensor(x))
        return y.numel() > 0 and bool(y.isfinite().all())
    except REFUSALS:
        return False


def layer_runs(layer, shape):
    """Whether our layer takes examples of a shape."""
    try:
        return layer.output_shape(tuple(shape)) is not None
    except ValueError:
        return False


def differing(layer, module, x, rng, bound=CLOSE):
    """Which of output, gradient and H v of |sin(layer(linear(x))) - y|^2/2N are not PyTorch's."""
    floats = x.dtype.kind == "f"
    front = [x.shape[-1]] * 2
    net = ref.Sequential(*[ref.Dense(*front)] * floats, layer, ref.Sine())
    twin = nn.Sequential(*[nn.Linear(*front)] * floats, module, Sine()).double()
    theta, v = rng.standard_normal((2, net.layout.size)) * 0.6
    if getattr(layer, "padding_idx", None) is not None:
        theta[net.entries()["0.weight"][layer.padding_idx]] = 0
    buffers = dict(twin.named_buffers())
    named = {key: torch.tensor(a) for key, a in net.named(theta).items()}
    twin.load_state_dict({**named, **buffers}, strict=True)
    with sdpa_kernel(SDPBackend.MATH):
        z = twin(torch.tensor(x))
        y = rng.standard_normal(z.shape)
        loss = ((z - torch.tensor(y)) ** 2).sum() / 2 / len(x)
        truths = derivatives(twin, loss, {k: torch.tensor(a) for k, a in net.named(v).items()})
    objective = ref.Objective(net, ref.SquaredError(), x, y)
    mine = objective.outputs(theta), ref.gradient(objective, theta), ref.hvp(objective, theta, v)
    expected = [z] + [net.from_named({key: a.detach().numpy() for key, a in each.items()})
                      for each in truths]
    return [what for what, a, b in zip(("output", "gradient", "H v"), mine, expected)
            if not near(a, b, bound)]


def near(a, b, bound=CLOSE):
    """max |a - b| <= bound max |b|."""
    b = b.detach().numpy() if torch.is_tensor(b) else b
    return a.shape == b.shape and np.abs(a - b).max() <= bound * np.abs(b).max()


def disagreements(make, options, shapes, least=1, bound=CLOSE):
    """[(options, shape, what)]; at least so many must have been compared."""
    rng, found, compared = np.random.default_rng(0), [], 0
    for each, shape in product(options, shapes):
        layer, module = build(make, each)
        x = shape if isinstance(shape, np.ndarray) else rng.standard_normal((N, *shape))
        ours = layer is not None and layer_runs(layer, x.shape[1:])
        torchs = module is not None and torch_runs(module.double(), x)
        if ours != torchs:
            found.append((each, x.shape, "accepted here alone" if ours else "refused here alone"))
        elif ours:
            compared += 1
            found += [(each, x.shape, what) for what in differing(layer, module, x, rng, bound)]
    assert compared >= least, f"only {compared} of {len(options) * len(shapes)} were compared"
    return found


def pair(ours, torchs, *sizes):
    """make for constructors with the same names of options."""
    return lambda here, options: (ours if here else torchs)(*sizes, **options)
