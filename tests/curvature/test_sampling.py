"""Matrices of sampled labels converge to the exact expectation: z-scores, entry by entry."""

from dataclasses import replace

import numpy as np
import pytest

from reference import Dense, Tanh, dense, fisher, kfac
from reference.network.losses import LOSSES as LINES
from tests.derivatives.cases import LOSSES, make

COUNT = 600
WITH_LABELS = [name for name, line in LINES.items() if line.sample is not None]


def sampled(matrix, seed=0):
    """COUNT independent estimates, flat: (COUNT, entries)."""
    rng = np.random.default_rng(seed)
    return np.stack([np.ravel(matrix(rng)) for _ in range(COUNT)])


def z_scores(samples, truth):
    """(mean - truth)/(standard error), of the entries that are random at all."""
    truth = np.ravel(truth)
    error = samples.std(0, ddof=1) / len(samples) ** 0.5
    random = error > 1e-12 * np.abs(truth).max()
    assert np.abs(samples.mean(0) - truth)[~random].max(initial=0) <= 1e-12 * np.abs(truth).max()
    return (samples.mean(0) - truth)[random] / error[random]


def agree(scores):
    """Some 100 entries, strongly correlated: none beyond 5 sigma, squares near 1 on average."""
    return np.abs(scores).max() < 5 and np.mean(scores ** 2) < 3


def problem(loss, **options):
    return make((Dense(3, 2), Tanh(), Dense(2, 4)), LOSSES[loss], n=5, **options)


@pytest.mark.parametrize("loss", WITH_LABELS)
def test_sampled_fisher_matrices_have_the_exact_one_as_their_mean(loss):
    objective, theta = problem(loss, weights=np.array([1.0, 2, 0.5, 1.5, 3]))
    samples = sampled(lambda rng: dense(fisher(objective, theta, "mc", rng=rng)))
    assert agree(z_scores(samples, dense(fisher(objective, theta))))


@pytest.mark.parametrize("loss", WITH_LABELS)
def test_labels_of_another_distribution_are_rejected(loss, monkeypatch):
    """Uniform categories, unit variance, fair coins: samplers that forget what the model says."""
    objective, theta = problem(loss)
    forgetful = {"CrossEntropy": lambda rng, z, *_: np.eye(4)[rng.integers(0, 4, z.shape[:-1])],
                 "Gaussian": lambda rng, z: z[..., :2] + rng.standard_normal(z[..., :2].shape)}
    wrong = forgetful.get(loss, lambda rng, z: rng.random(z.shape) < 0.5)
    truth = dense(fisher(objective, theta))
    monkeypatch.setitem(LINES, loss, replace(LINES[loss], sample=wrong))
    samples = sampled(lambda rng: dense(fisher(objective, theta, "mc", rng=rng)))
    assert not agree(z_scores(samples, truth))


def test_the_sampled_fisher_is_told_apart_from_the_empirical_one():
    objective, theta = problem("CrossEntropy")
    samples = sampled(lambda rng: dense(fisher(objective, theta, "mc", rng=rng)))
    assert not agree(z_scores(samples, dense(fisher(objective, theta, "empirical"))))


def test_many_samples_in_one_call_shrink_the_variance_in_proportion():
    objective, theta = problem("CrossEntropy")
    one, nine = (sampled(lambda rng: dense(fisher(objective, theta, "mc", rng=rng, samples=m)))
                 for m in (1, 9))
    # 600 draws know a variance to sqrt(2/600) = 6%; the trace averages many entries
    assert one.var(0).sum() / nine.var(0).sum() == pytest.approx(9, rel=0.2)
    assert agree(z_scores(nine, dense(fisher(objective, theta))))


def test_the_same_generator_gives_the_same_matrix_and_products_repeat():
    objective, theta = problem("CrossEntropy")
    first, second = (fisher(objective, theta, "mc", rng=np.random.default_rng(3)) for _ in range(2))
    assert (dense(first) == dense(second)).all() and (first @ theta == first @ theta).all()


@pytest.mark.parametrize("loss", WITH_LABELS)
def test_sampled_kronecker_factors_have_the_exact_ones_as_their_mean(loss):
    objective, theta = problem(loss, reduction="sum")
    exact = kfac(objective, theta)
    for layer in range(2):
        samples = sampled(lambda rng: kfac(objective, theta, "mc", rng=rng)[layer].G)
        assert agree(z_scores(samples, exact[layer].G))
    drawn = kfac(objective, theta, "mc", rng=np.random.default_rng(0))
    assert all((d.A == e.A).all() for d, e in zip(drawn, exact))


def test_sampled_factors_are_told_apart_from_the_empirical_ones():
    objective, theta = problem("CrossEntropy")
    samples = sampled(lambda rng: kfac(objective, theta, "mc", rng=rng)[1].G)
    assert not agree(z_scores(samples, kfac(objective, theta, "empirical")[1].G))
