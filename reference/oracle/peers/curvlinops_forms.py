"""curvlinops: its linear operators for the Hessian, the Gauss-Newton matrix, and K-FAC's factors.

Every loss is handed over as a sum, and the answer divided by N: its means also divide by outputs.
"""

import torch
from curvlinops import GGNLinearOperator, HessianLinearOperator, KFACLinearOperator
from torch import nn

from .parts import Rows, share
from .steps import is_chain, steps
from .torch_forms import arrays
from .torch_nets import Places, modules, summed

CHUNKS = (64, 256)


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function makes its operator and returns NumPy."""
    network = steps(objective)
    places, v = Places(network, theta.size), torch.tensor(v)
    data = [(torch.tensor(objective.x), torch.tensor(objective.y))]
    loss, factor = summed(objective.loss.name)
    found = {"hvp": {}, "ggnvp": {}, "hessian": {}, "gauss_newton": {}}
    for variant, net in modules(network, theta).items():
        for kind, vector, matrix in ((HessianLinearOperator, "hvp", "hessian"),
                                     (GGNLinearOperator, "ggnvp", "gauss_newton")):
            def operator(of=slice(None), kind=kind, net=net, **options):
                return factor / objective.N * kind(net, loss, list(net.parameters())[of], data,
                                                   check_deterministic=False, **options)
            name = ", ".join(filter(None, (kind.__name__, variant)))
            found[vector][f"{name} @ v"] = _product(operator, places, v)
            found[matrix].update(_chunked(f"{name} @ I", _columns, operator, places, v.dtype))
            if is_chain(network):
                found[f"{matrix}_blocks"] = _chunked(f"{name} of each block", _blocks, operator,
                                                     places, v.dtype)
                if kind.SUPPORTS_BLOCKS:
                    found[f"{matrix}_blocks"] |= _chunked(f"{name} by block_sizes", _blocks_at_once,
                                                          operator, places, v.dtype)
    if is_chain(network) and objective.loss.name == "CrossEntropy":
        found["kfac"] = {"KFACLinearOperator": _factors(net, data)}
    return found


def _chunked(name, make, operator, places, dtype):
    return {f"{name}, {chunk} at once": make(operator, places, chunk, dtype) for chunk in CHUNKS}


def _product(operator, places, v):
    return lambda: (operator() @ v[places.order])[places.inverse].detach().numpy()


def _columns(operator, places, chunk, dtype):
    """The matrix, by chunks of columns; torch's order of parameters is undone at once."""
    def rows(k):
        B = operator()
        found = [(B @ places.unit(a, min(a + chunk, k), dtype)[:, places.order].T)[places.inverse].T
                 for a in range(0, k, chunk)]
        return torch.cat(found).detach().numpy()
    return Rows(rows, places.size, chunk)


def _blocks(operator, places, chunk, dtype):
    """Each diagonal block by an operator of its own weight and bias."""
    def block(l, start, count):
        B, found, span = operator(slice(2 * l, 2 * l + 2)), [], slice(2 * l, 2 * l + 2)
        for a in range(start, start + count, chunk):
            E = places.split(places.unit(a, min(a + chunk, start + count), dtype))[span]
            BE = B @ [torch.movedim(e, 0, -1) for e in E]
            found += places.blocks([torch.movedim(e, -1, 0) for e in BE], E[0].shape[:1])
        return torch.cat(found)

    def rows(k):
        found, start = [], 0
        for l, (size, count) in enumerate(zip(places.sizes, share(places.sizes, k))):
            found += [block(l, start, count)] if count else []
            start += size
        return arrays(found)
    return Rows(rows, places.size, chunk)


def _blocks_at_once(operator, places, chunk, dtype):
    """All diagonal blocks at once: each column has a unit vector in every block."""
    starts = [sum(places.sizes[:l]) for l in range(len(places.sizes))]

    def rows(k):
        B, found = operator(block_sizes=[2] * len(starts)), [[] for _ in starts]
        for a in range(0, k, chunk):
            counts = [min(max(size - a, 0), chunk, k - a) for size in places.sizes]
            E = torch.zeros(max(counts), places.size, dtype=dtype)
            for start, n in zip(starts, counts):
                E[torch.arange(n), start + a + torch.arange(n)] = 1
            BE = (B @ E[:, places.order].T)[places.inverse].T
            for block, part, n in zip(found, BE.split(places.sizes, 1), counts):
                block.append(part[:n])
        return arrays([torch.cat(parts) for parts in found])
    return Rows(rows, max(places.sizes), chunk)


def _factors(net, data):
    """[G_1, A_1, ...]: with the mean's 1/N in G and the bias among the inputs, A as here."""
    def factors():
        K = KFACLinearOperator(net, nn.CrossEntropyLoss(), list(net.parameters()), data,
                               check_deterministic=False, fisher_type="type-2",
                               separate_weight_and_bias=False, num_data=len(data[0][0]),
                               num_per_example_loss_terms=1)
        K.compute_kronecker_factors()
        return arrays([M for name in K._mapping
                       for M in (K._gradient_covariances[name], K._input_covariances[name])])
    return factors
