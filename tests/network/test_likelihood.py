"""Losses as log-likelihoods: Fisher matrices, samplers, and what targets encode."""

from itertools import product

import numpy as np
import pytest

from reference.network.losses import LOSSES, CrossEntropy, Huber, Line, Poisson
from tests.network.textbook import LOSSES as TEXTBOOK

# ---- Fisher: the expectation of score score^T over the model's own labels ----

LOGITS = {"Gaussian": np.array([0.3, -1.2, 0.4, -0.5])}                     # two means, two s


def logits(loss):
    return LOGITS.get(loss.name, np.array([0.3, -1.2, 0.8]))


def labels(loss, z):
    """All labels y (M, C) that matter and their probabilities (M,), or a quadrature's weights."""
    if loss.name == "CrossEntropy":
        return np.eye(3), np.exp(z) / np.exp(z).sum()
    if loss.name == "BinaryCrossEntropy":
        y = np.array(list(product((0.0, 1.0), repeat=3)))
        return y, np.prod(np.where(y, 1, np.exp(-z)) / (1 + np.exp(-z)), -1)
    if loss.name == "Poisson":                                              # rate < 2.3: 40 suffice
        tails = np.exp(np.arange(40)[:, None] * z - np.exp(z)) / np.cumprod(
            np.maximum(1.0, np.arange(40)))[:, None]
        return grid(np.arange(40.0)[:, None] + 0 * z, tails)
    C = 2 if loss.name == "Gaussian" else 3
    mean, sigma = (z[:2], np.exp(z[2:] / 2)) if loss.name == "Gaussian" else (z, 1.0)
    x, w = np.polynomial.hermite.hermgauss(5)                               # exact to degree 9
    return grid(mean + sigma * np.sqrt(2) * x[:, None] + np.zeros(C),
                np.repeat(w[:, None] / np.sqrt(np.pi), C, 1))


def grid(y, p):
    """The product of one distribution per column."""
    axes = range(y.shape[1])
    points = np.stack(np.meshgrid(*(y[:, c] for c in axes), indexing="ij"), -1)
    weights = np.stack(np.meshgrid(*(p[:, c] for c in axes), indexing="ij"), -1).prod(-1)
    return points.reshape(-1, y.shape[1]), weights.ravel()


LIKELIHOODS = [loss for loss in TEXTBOOK if LOSSES[loss.name].sample]
each_likelihood = pytest.mark.parametrize("loss", LIKELIHOODS, ids=repr)


@each_likelihood
def test_fisher_is_the_expectation_of_score_score_transposed(loss):
    z = logits(loss)
    y, p = labels(loss, z)
    scores = loss.gradient(np.broadcast_to(z, (len(y), z.size)), y)
    F_true = np.einsum("m,mi,mj->ij", p, scores, scores)
    F_here = loss.fisher(z, y[0])
    # sums of up to 64000 terms, each rounded a few times
    np.testing.assert_allclose(F_here, F_true, rtol=0, atol=64 * np.finfo(float).eps * F_true.max())


def z_scores(loss, draws=20_000):
    """How many standard errors the scores' mean is from 0, and their covariance from Fisher's."""
    z = logits(loss)
    score = loss.score(np.random.default_rng(5), np.broadcast_to(z, (draws, z.size)))
    products = score[:, :, None] * score[:, None, :]
    off = [score, products - loss.fisher(z, labels(loss, z)[0][0])]
    return max(np.abs(a.mean(0) / np.maximum(a.std(0) / np.sqrt(draws), 1e-12)).max() for a in off)


@each_likelihood
def test_sampled_scores_have_mean_zero_and_covariance_fisher(loss):
    assert z_scores(loss) < 5                                               # 1 in 10^5 by chance


@each_likelihood
def test_a_sampler_of_another_temperature_is_caught(loss, monkeypatch):
    right = LOSSES[loss.name]
    wrong = Line(right.value, right.gradient, right.hessian, right.targets,
                 lambda rng, z, *p: right.sample(rng, z * 0.8, *p), right.fisher)
    monkeypatch.setitem(LOSSES, loss.name, wrong)
    assert z_scores(loss) > 5


def test_sampling_needs_a_distribution_and_repeats_with_the_generator():
    z = np.zeros((4, 3))
    with pytest.raises(ValueError, match="Huber.*no Fisher matrix; use the Gauss-Newton"):
        Huber().score(np.random.default_rng(0), z)
    one, two = (CrossEntropy().score(np.random.default_rng(7), z) for _ in range(2))
    assert np.array_equal(one, two)


# ---- targets of the cross-entropy ----

def test_class_weights_smoothing_and_ignored_labels_are_in_the_targets():
    rng = np.random.default_rng(11)
    z, y, w = rng.standard_normal((6, 3)), np.array([0, 2, -1, 1, 2, -1]), np.array([0.5, 2, 3])
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    loss = CrossEntropy(weights=w, smoothing=0.3, ignore=-1)
    q, mass = loss.targets(y, z.shape)
    smooth = (0.7 * np.eye(3)[y] + 0.1) * w
    expected = np.where(y == -1, 0, -(smooth * log_p).sum(-1))
    np.testing.assert_allclose(mass * loss.value(z, q), expected, rtol=1e-14)   # 6 roundings, C = 3
    np.testing.assert_allclose(q.sum(-1), 1, rtol=1e-15)


def test_probabilities_serve_as_labels():
    y = np.array([2, 0])
    for loss in (CrossEntropy(), CrossEntropy(smoothing=0.2), CrossEntropy(weights=(1, 2, 3))):
        for a, b in zip(loss.targets(y, (2, 3)), loss.targets(np.eye(3)[y], (2, 3))):
            assert (a is None and b is None) or np.allclose(a, b, rtol=4e-16, atol=0)


def test_counts_are_drawn_for_longdouble_rates():
    drawn = Poisson().score(np.random.default_rng(0), np.zeros((3, 2), np.longdouble))
    assert drawn.dtype == np.longdouble and drawn.shape == (3, 2)
