"""curvlinops: its linear operators for the Hessian and the Gauss-Newton matrix, in float64."""

import torch
from curvlinops import GGNLinearOperator, HessianLinearOperator

from .steps import steps
from .torch_nets import Places, modules

CHUNKS = (64, 256)


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function makes its operator and returns NumPy."""
    network = steps(objective)
    places, v = Places(network, theta.size), torch.tensor(v)
    data = [(torch.tensor(objective.x), torch.tensor(objective.y))]
    found = {"hvp": {}, "ggnvp": {}, "hessian": {}, "gauss_newton": {}}
    for variant, net in modules(network, theta).items():
        for kind, vector, matrix in ((HessianLinearOperator, "hvp", "hessian"),
                                     (GGNLinearOperator, "ggnvp", "gauss_newton")):
            def operator(kind=kind, net=net):
                return kind(net, torch.nn.CrossEntropyLoss(), list(net.parameters()), data,
                            check_deterministic=False)
            name = ", ".join(filter(None, (kind.__name__, variant)))
            found[vector][f"{name} @ v"] = _product(operator, places, v)
            found[matrix].update({f"{name} @ I, {chunk} at once": _columns(operator, places, chunk)
                                  for chunk in CHUNKS})
    return found


def _product(operator, places, v):
    return lambda: (operator() @ v[places.order])[places.inverse].detach().numpy()


def _columns(operator, places, chunk):
    """The matrix, by chunks of columns; torch's order of parameters is undone at the end."""
    unit = torch.eye(len(places.order), dtype=torch.float64)

    def matrix():
        B = operator()
        whole = torch.cat([B @ E for E in unit.split(chunk, 1)], 1).detach()
        return whole[places.inverse][:, places.inverse].numpy()
    return matrix
