"""Ask PyTorch for output, loss, gradient and H v of every problem of LAYERS, and keep its answers.

    python -m tests.network.record_pytorch

writes pytorch.npz beside this file: for every problem NAME

    NAME|x, NAME|output, NAME|loss
    NAME|PARAMETER    (4, ...): theta, v, gradient and H v of the parameter of that name

and PyTorch's version.  x, theta and v are rounded to few bits, which keeps the file small.
"""

from dataclasses import replace

import numpy as np

from reference.oracle.layer_table import direction, problem
from reference.oracle.recorded import RECORD
from reference.problems.files import save_npz
from reference.problems.layers import LAYERS

BITS = 5                               # behind the point

NOT_IN_PYTORCH = {
    "GRU, reset before": "torch.nn.GRU resets after the product with W_hn only",
    "GRU, reset before, masked, both directions, from a state": "the same",
}
PADDED = {"Embedding with padding": ("0.weight", 1)}     # a row that is 0, as PyTorch begins


def short(a):
    """a in few bits; integers as they are."""
    return np.round(a * 2.0 ** BITS) / 2.0 ** BITS if a.dtype.kind == "f" else a


def point(name):
    """The objective, theta and v, all in few bits."""
    objective, theta = problem(name)
    theta, v = short(theta), short(direction(theta))
    if name in PADDED:
        parameter, row = PADDED[name]
        theta[objective.net.entries()[parameter][row]] = 0
    return replace(objective, x=short(objective.x)), theta, v


def recorded(name):
    """{member: array} of one problem."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from tests.network.pytorch_networks import NETWORKS

    objective, theta, v = point(name)
    module = NETWORKS[name](objective.net.layers).double()
    theta, v = ({key: torch.tensor(a) for key, a in objective.net.named(each).items()}
                for each in (theta, v))
    # Strictly: PyTorch raises unless names and shapes are its own, its buffers aside.
    module.load_state_dict({**theta, **dict(module.named_buffers())}, strict=True)
    with sdpa_kernel(SDPBackend.MATH):                   # the others have no second derivative
        output = module(torch.tensor(objective.x))
        loss = cross_entropy(objective, output)
        gradient, Hv = derivatives(module, loss, v)
    named = {key: torch.stack([p, v[key], gradient[key], Hv[key]]).detach().numpy()
             for key, p in parameters(module).items()}
    return {"x": objective.x, "output": output.detach().numpy(),
            "loss": loss.detach().numpy(), **named}


def parameters(module):
    """{name: Parameter}, a shared one under each of its names."""
    return {key: p for key, p in module.state_dict(keep_vars=True).items()
            if key not in dict(module.named_buffers())}


def cross_entropy(objective, z):
    """The loss by torch.nn.functional.cross_entropy: the sum over N, or its mean over labels."""
    import torch
    _, _, ignore = objective.loss.parameters
    by_labels = objective.reduction == "mean over labels"
    loss = torch.nn.functional.cross_entropy(
        z.flatten(0, -2), torch.tensor(objective.y).flatten(),
        ignore_index=-100 if ignore is None else ignore, reduction="mean" if by_labels else "sum")
    return loss if by_labels else loss / len(z)


def derivatives(module, loss, v):
    """Gradient and H v by name; H v by backpropagation through g . v."""
    import torch
    named = parameters(module)
    unique = {id(p): (key, p) for key, p in named.items()}
    ps = [p for _, p in unique.values()]
    gradient = torch.autograd.grad(loss, ps, create_graph=True)
    inner = sum((g * v[key]).sum() for g, (key, _) in zip(gradient, unique.values()))
    Hv = torch.autograd.grad(inner, ps, materialize_grads=True)
    place = {each: i for i, each in enumerate(unique)}
    return [{key: answer[place[id(p)]] for key, p in named.items()} for answer in (gradient, Hv)]


def main():
    """Record all."""
    import torch

    members = {"version": [int(part) for part in torch.__version__.split("+")[0].split(".")]}
    for name in LAYERS:
        if name not in NOT_IN_PYTORCH:
            members |= {f"{name}|{key}": array for key, array in recorded(name).items()}
    save_npz(RECORD, **members)


if __name__ == "__main__":
    main()
