"""KFRA and the positive-curvature Hessian of BackPACK, where it is installed [DKH20].

Its blocks are those of weights and of biases apart: parts of ours.
"""

from importlib.metadata import version

import numpy as np
import pytest

import reference as ref

torch = pytest.importorskip("torch")
backpack = pytest.importorskip("backpack")
from backpack.extensions import KFRA, PCHMP                                      # noqa: E402
from backpack.extensions.curvmatprod.pchmp.pchmpbase import PCHMPBase            # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")     # theirs, of hooks

DIGITS = 1e-13                        # sums over 13 examples, both sides in float64

CHAIN = ((ref.Dense(4, 5), ref.Tanh(), ref.Dense(5, 2, bias=False), ref.Sigmoid(),
          ref.Dense(2, 3)),
         lambda nn: (nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2, bias=False), nn.Sigmoid(),
                     nn.Linear(2, 3)), (4,))
IMAGES = ((ref.Conv2d(2, 3, 2), ref.Tanh(), ref.Conv2d(3, 2, 2), ref.Sigmoid(), ref.Flatten(),
           ref.Dense(12, 3)),
          lambda nn: (nn.Conv2d(2, 3, 2), nn.Tanh(), nn.Conv2d(3, 2, 2), nn.Sigmoid(),
                      nn.Flatten(), nn.Linear(12, 3)), (2, 5, 4))


def both(problem, extension, N=13):
    """Our objective and theta, and BackPACK's layers with weights after a backward pass."""
    layers, modules, shape = problem
    rng, net = np.random.default_rng(0), ref.Sequential(*layers)
    x, y = rng.standard_normal((N, *shape)), rng.integers(3, size=N)
    theta = 0.7 * rng.standard_normal(net.layout.size)
    model = torch.nn.Sequential(*modules(torch.nn)).double()
    model.load_state_dict({name: torch.tensor(a) for name, a in net.named(theta).items()})
    model, loss = backpack.extend(model), backpack.extend(torch.nn.CrossEntropyLoss())
    with backpack.backpack(extension):
        loss(model(torch.tensor(x)), torch.tensor(y)).backward()
    return (ref.Objective(net, ref.CrossEntropy(), x, y), theta,
            [module for module in model if hasattr(module, "weight")])


def test_kfra_is_theirs():
    objective, theta, modules = both(CHAIN, KFRA())
    for K, module in zip(ref.kfra(objective, theta), modules, strict=True):
        G, A = (factor.numpy() for factor in module.weight.kfra)
        assert np.abs(K.G - G).max() <= DIGITS * np.abs(G).max()
        I = len(A)                                         # without the constant 1 of the bias
        assert np.abs(K.A[:I, :I] - A).max() <= DIGITS * np.abs(A).max()


def one_gradient_less(self, extension, module, g_inp, g_out, mat, modify):
    """Their method without its own factor g: `hessian_diagonal` has one already."""
    bends = self.modifications[modify](self.derivatives.hessian_diagonal(module, g_inp, g_out))
    return torch.einsum("...,v...->v...", bends, mat)


def distances(problem, phi):
    """Of the blocks of the weights, relative to the largest entry."""
    objective, theta, modules = both(problem, PCHMP(modify=phi))
    ours = ref.blocks(ref.positive_curvature(objective, theta, phi), objective.net.layout)
    found = []
    for B, module, (O, I) in zip(ours, modules, objective.net.layout.shapes, strict=True):
        weight, size = module.weight, module.weight.numel()
        units = torch.eye(size, dtype=weight.dtype).reshape(size, *weight.shape)
        theirs = weight.pchmp(units).detach().numpy().reshape(size, size)
        part = B.reshape(O, I, O, I)[:, :size // O, :, :size // O].reshape(size, size)
        found.append(np.abs(part - theirs).max() / np.abs(part).max())
    return found


@pytest.mark.parametrize("phi", ["abs", "clip"])
@pytest.mark.parametrize("problem", [CHAIN, IMAGES], ids=["chain", "images"])
def test_the_positive_curvature_hessian_is_theirs_with_one_gradient_less(monkeypatch, problem, phi):
    if version("backpack-for-pytorch") == "1.7.1":
        off = distances(problem, phi)
        assert min(off[:-1]) > 0.1 and off[-1] <= DIGITS
        monkeypatch.setattr(PCHMPBase, "modified_residual_mat_prod", one_gradient_less)
    assert max(distances(problem, phi)) <= DIGITS
