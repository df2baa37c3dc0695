"""Every loss against its textbook value in balls, whose derivatives come from power series in z."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from reference.arrays import functions as F
from reference.arrays.dual import Dual
from reference.network import losses
from reference.network.losses import LOSSES, CrossEntropy, Line, Loss
from tests.network.textbook import LOSSES as TEXTBOOK
from tests.truth import gradient_and_hessian, tiny, worst

# ---- where: (z, y), exact differences and hard targets, or anything ----

TYPES = {"float32": np.float32, "float64": np.float64, "longdouble": np.longdouble}
each_loss = pytest.mark.parametrize("loss", TEXTBOOK, ids=repr)
each_type = pytest.mark.parametrize("dtype", TYPES.values(), ids=TYPES)


def hard(loss, dtype):
    """Integer logits, up to 700 (80 in float32), and targets that are labels or integers."""
    far = 80 if dtype == np.float32 else 700
    logits = [0, 1, -1, 20, -40, far, -far]
    if loss.name == "CrossEntropy":
        pairs = [(z, y) for z in product(logits, repeat=3) for y in np.eye(3)]
        pairs = pairs[::7]
    elif loss.name == "Gaussian":                      # r^2 exp(-s) is a float: |s| <= far/2
        pairs = [((m, s / 2), (y,)) for m in logits for s in logits for y in (0, 1, 3)]
    else:
        pairs = [(z, y) for z in zip(logits, logits[::-1]) for y in product((0, 1), repeat=2)]
    z, y = zip(*pairs)
    return np.array(z, dtype), np.array(y, dtype)


def soft(loss, dtype):
    """Random and tiny logits, and targets with all their digits."""
    rng = np.random.default_rng(3)
    small = 1e-30 if dtype == np.float32 else 1e-300
    z = rng.uniform(-30, 30, (40, 3 if loss.name == "CrossEntropy" else 2))
    z[:8, 0], z[8:16, 1] = [small, -small, 1e-8, -1e-8] * 2, [1e-8, 0, small, -1e-8] * 2
    y = rng.uniform(0, 1, z.shape)
    if loss.name == "CrossEntropy":
        y = y / y.sum(-1, keepdims=True)
    if loss.name in ("SquaredError", "Huber", "Gaussian"):
        y = y * 20 - 10
    if loss.name == "Poisson":
        y = np.floor(y * 10)
    return z.astype(dtype), y[:, :1 if loss.name == "Gaussian" else None].astype(dtype)


@cache
def truth(loss, dtype, points):
    """Per example: value, gradient and Hessian in u = (z, y), as balls."""
    z, y = points(loss, dtype)
    formula = lambda u: TEXTBOOK[loss](u[:z.shape[-1]], u[z.shape[-1]:])          # noqa: E731
    order = -400 if dtype != np.longdouble else -5000
    rows = [gradient_and_hessian(formula, [*a, *b], order) for a, b in zip(z, y)]
    return [np.array(part, object) for part in zip(*rows)]


# ---- how near ----

def scales(loss, dtype, points):
    """What errors of value, gradient, Hessian are relative to.

    Hard points: the true entry.  Soft points: as if every input were off by one eps as well, since
    differences of inputs are rounded (z_top - z, then amplified by exp; z - y near its root).
    """
    (z, y), (f, g, H) = points(loss, dtype), truth(loss, dtype, points)
    C = z.shape[-1]
    sizes = [abs(f), abs(g[:, :C]), abs(H[:, :C, :C])]
    if points is hard:
        return sizes
    u = abs(np.concatenate([z, y], -1).astype(float)).astype(object)
    sizes[0] = sizes[0] + (u * abs(g)).sum(-1) / 4
    sizes[1] = sizes[1] + (u[:, None, :] * abs(H[:, :C])).sum(-1) / 16
    spread = (np.ptp(z, -1).astype(float) / 16)[:, None, None].astype(object)
    return sizes[:2] + [sizes[2] * (1 + spread)]


def check(loss, dtype, points, results, extra=(0, 0, 0)):
    """Each of (value, gradient, Hessian), or None, to 4, 16, 16 eps; `extra` widens the scales."""
    z, _ = points(loss, dtype)
    C = z.shape[-1]
    f, g, H = truth(loss, dtype, points)
    true = f, g[:, :C], H[:, :C, :C]
    for k, name, limit in zip(range(3), ("value", "gradient", "Hessian"), (4, 16, 16)):
        if results[k] is not None:
            assert results[k].dtype == dtype and results[k].shape == true[k].shape
            wrong = worst(results[k], true[k], scales(loss, dtype, points)[k] + extra[k], tiny(z))
            assert wrong <= limit, f"{name}: {wrong:.3g} eps"


each_points = pytest.mark.parametrize("points", (hard, soft), ids=lambda f: f.__name__)


@each_points
@each_type
@each_loss
def test_value_gradient_and_hessian_are_those_of_the_textbook(loss, dtype, points):
    z, y = points(loss, dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        results = loss.value(z, y), loss.gradient(z, y), loss.hessian(z, y)
    check(loss, dtype, points, results)


def test_the_textbook_has_every_loss():
    assert [loss.name for loss in TEXTBOOK] == list(LOSSES)


def units(z):
    """Tangents of z, one direction per output: (C, N, C)."""
    return np.broadcast_to(np.eye(z.shape[-1], dtype=z.dtype)[:, None], z.shape[-1:] + z.shape)


@each_points
@each_type
@each_loss
def test_the_hessian_is_the_dual_part_of_the_gradient(loss, dtype, points):
    z, y = points(loss, dtype)
    H = loss.gradient(Dual(z, units(z)), y).du
    check(loss, dtype, points, (None, None, np.moveaxis(H, 0, -1)))


@each_points
@each_type
@each_loss
def test_the_derivatives_of_the_value_in_nested_dual_numbers_are_the_gradient_and_the_hessian(
        loss, dtype, points):
    """Up to what cancels in sums of derivatives: eps of the largest entry of each example."""
    z, y = points(loss, dtype)
    E = units(z)
    nested = Dual(Dual(z, E), Dual(E, np.zeros((len(E),) + E.shape, dtype)))
    value = loss.value(nested, y)
    _, g, H = truth(loss, dtype, points)
    largest = abs(g).max(-1)[:, None], abs(H).max((-1, -2))[:, None, None]
    results = None, np.moveaxis(value.re.du, 0, -1), np.moveaxis(value.du.du, (0, 1), (-1, -2))
    check(loss, dtype, points, results, (0, *largest))


# ---- a new line, and wrong ones ----

def pseudo_huber(r):
    return r * r / (1 + F.sqrt(1 + r * r))


PSEUDO_HUBER = Line(lambda z, y: F.sum(pseudo_huber(z - y), -1),
                    lambda z, y: (z - y) / F.sqrt(1 + (z - y) * (z - y)),
                    lambda z, y: losses.diagonal(1 / F.sqrt(1 + (z - y) * (z - y))
                                                 / (1 + (z - y) * (z - y))),
                    LOSSES["SquaredError"].targets)


def test_a_loss_is_one_line_of_the_table(monkeypatch):
    monkeypatch.setitem(LOSSES, "PseudoHuber", PSEUDO_HUBER)
    loss = Loss("PseudoHuber")
    monkeypatch.setitem(TEXTBOOK, loss, lambda z, y: sum(
        (1 + (a - b) * (a - b)).sqrt() - 1 for a, b in zip(z, y)))
    for dtype, points in product(TYPES.values(), (hard, soft)):
        z, y = points(loss, dtype)
        check(loss, dtype, points, (loss.value(z, y), loss.gradient(z, y), loss.hessian(z, y)))
        H = np.moveaxis(loss.gradient(Dual(z, units(z)), y).du, 0, -1)
        check(loss, dtype, points, (None, None, H), (0, 0, 1))           # 1 - r^2/(1 + r^2) cancels


def test_the_check_fails_for_p_minus_y():
    loss = CrossEntropy()
    z, y = hard(loss, np.float64)
    p = np.exp(z - z.max(-1, keepdims=True))
    with pytest.raises(AssertionError, match="gradient"):
        check(loss, np.float64, hard, (None, p / p.sum(-1, keepdims=True) - y, None))
    with pytest.raises(AssertionError, match="Hessian"):
        check(loss, np.float64, hard, (None, None, loss.hessian(z * (1 + 1e-14), y)))
