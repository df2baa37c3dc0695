"""Losses and their options against PyTorch itself, where it is installed."""

from itertools import product

import numpy as np
import pytest

import reference as ref

torch = pytest.importorskip("torch")
from torch import nn                                                             # noqa: E402
from tests.network.against_torch import Sine, near                               # noqa: E402
from tests.network.record_pytorch import derivatives                             # noqa: E402


def differ(objective, torchs, rng):
    """Which of value, gradient and H v are not those of torchs(z) after Linear and a sine."""
    net = objective.net
    theta, v = rng.standard_normal((2, net.layout.size))
    twin = nn.Sequential(nn.Linear(4, net.layers[0].outputs), Sine()).double()
    twin.load_state_dict({key: torch.tensor(a) for key, a in net.named(theta).items()})
    loss = torchs(twin(torch.tensor(objective.x)))
    truths = derivatives(twin, loss, {k: torch.tensor(a) for k, a in net.named(v).items()})
    expected = [loss] + [net.from_named({key: a.detach().numpy() for key, a in each.items()})
                         for each in truths]
    mine = objective.value(theta), ref.gradient(objective, theta), ref.hvp(objective, theta, v)
    return [what for what, a, b in zip(("value", "gradient", "H v"), mine, expected)
            if not near(a, b)]


def affinely(outputs):
    """Linear and a sine."""
    return ref.Sequential(ref.Dense(4, outputs), ref.Sine())


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("places", [(), (3,)])
def test_cross_entropy(places, kind):
    rng, C = np.random.default_rng(0), 3
    x = rng.standard_normal((5, *places, 4))
    y = rng.integers(0, C, (5, *places)) if kind == "labels" else rng.dirichlet(
        np.ones(C), (5, *places))
    ignored = [None, 1] if kind == "labels" else [None]
    for weights, smoothing, ignore in product([None, (0.5, 2.0, 1.25)], [0.0, 0.3], ignored):
        options = dict(weight=None if weights is None else torch.tensor(weights).double(),
                       label_smoothing=smoothing,
                       ignore_index=-100 if ignore is None else ignore)
        for ours, torchs in (("mean over labels", "mean"), ("sum", "sum"), ("mean", "sum")):
            loss = nn.CrossEntropyLoss(reduction=torchs, **options)
            objective = ref.Objective(affinely(C), ref.CrossEntropy(weights, smoothing, ignore),
                                      x, y, reduction=ours)
            target = torch.tensor(y).movedim(-1, 1) if kind != "labels" else torch.tensor(y)
            scale = 1 / len(x) if ours == "mean" else 1
            assert differ(objective, lambda z: scale * loss(z.movedim(-1, 1), target),
                          rng) == [], (options, ours)


GAUSSIAN = nn.GaussianNLLLoss(reduction="sum", eps=1e-300)
LOSSES = {
    "BinaryCrossEntropy": (ref.BinaryCrossEntropy(), 2, lambda rng, s: rng.random(s),
                           nn.BCEWithLogitsLoss(reduction="sum")),
    "SquaredError": (ref.SquaredError(), 2, lambda rng, s: rng.standard_normal(s),
                     lambda z, y: nn.MSELoss(reduction="sum")(z, y) / 2),
    "Huber": (ref.Huber(0.7), 2, lambda rng, s: rng.standard_normal(s),
              nn.HuberLoss(reduction="sum", delta=0.7)),
    "Poisson": (ref.Poisson(), 2, lambda rng, s: 1.0 * rng.poisson(2, s),
                nn.PoissonNLLLoss(reduction="sum")),
    "Gaussian": (ref.Gaussian(), 4, lambda rng, s: rng.standard_normal((*s[:-1], s[-1] // 2)),
                 lambda z, y: GAUSSIAN(z[..., :2], y, z[..., 2:].exp())),
}


@pytest.mark.parametrize("places", [(), (3,)])
@pytest.mark.parametrize("ours, outputs, draw, torchs", LOSSES.values(), ids=LOSSES)
def test_other_losses(ours, outputs, draw, torchs, places):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, *places, 4)), draw(rng, (5, *places, outputs))
    objective = ref.Objective(affinely(outputs), ours, x, y, reduction="sum")
    assert differ(objective, lambda z: torchs(z, torch.tensor(y)), rng) == []
    assert differ(objective, lambda z: torchs(z, torch.tensor(y)) * (1 + 1e-11), rng) == [
        "value", "gradient", "H v"]
