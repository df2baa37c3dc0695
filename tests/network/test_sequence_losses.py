"""Labels at places: what is summed, what is divided by, and every derivative of it.

The textbook is a loop over labels; PyTorch's own numbers are recorded.
"""

import numpy as np
import pytest

from reference import (CrossEntropy, Dense, GELU, Objective, Sequential, SquaredError, fisher,
                       gauss_newton, gradient, hvp, jacobian, per_example_gradients)
from reference.curvature.operator import dense

EPS = np.finfo(float).eps
N, T, C = 5, 4, 3
NET = Sequential(Dense(2, 3), GELU(), Dense(3, C))
RNG = np.random.default_rng(0)
X, THETA = RNG.standard_normal((N, T, 2)), RNG.standard_normal(NET.layout.size)
LABELS = RNG.integers(0, C, (N, T))
SOME = np.where(RNG.random((N, T)) < 0.3, -1, LABELS)              # -1: ignored
SOFT = RNG.dirichlet(np.ones(C), (N, T))
CLASSES, EXAMPLES = (0.5, 2.0, 1.25), RNG.random(N) + 0.5


def near(a, b, ulps=128):
    size = max(1, np.abs(b).max())
    return np.shape(a) == np.shape(b) and np.abs(a - b).max() <= ulps * EPS * size


# ---- the textbook: label by label ----

def distribution(label, smoothing=0.0):
    """q (C,) of one label or of probabilities."""
    q = np.eye(C)[label] if np.ndim(label) == 0 else label
    return (1 - smoothing) * q + smoothing / C


def textbook(z, y, weights=None, smoothing=0.0, ignore=None, examples=None, reduction="mean"):
    """L from outputs z (N, T, C), real or complex."""
    c, w = np.ones(C) if weights is None else weights, np.ones(N) if examples is None else examples
    total, labels = 0, 0
    for n, t in np.ndindex(N, T):
        hard = y.ndim == 2
        if hard and y[n, t] == ignore:
            continue
        log_p = z[n, t] - np.log(np.exp(z[n, t]).sum())
        total = total - w[n] * (c * distribution(y[n, t], smoothing) * log_p).sum()
        labels += w[n] * (c[y[n, t]] if hard else 1)
    return total / {"mean": N, "sum": 1, "mean over labels": labels}[reduction]


CASES = {
    "labels": dict(y=LABELS), "some ignored": dict(y=SOME, ignore=-1),
    "class weights": dict(y=LABELS, weights=CLASSES),
    "smoothed, weighted, some ignored": dict(y=SOME, weights=CLASSES, smoothing=0.2, ignore=-1),
    "examples weighted": dict(y=LABELS, examples=EXAMPLES),
    "all of it": dict(y=SOME, weights=CLASSES, smoothing=0.1, ignore=-1, examples=EXAMPLES),
    "probabilities": dict(y=SOFT), "probabilities, weighted": dict(y=SOFT, weights=CLASSES,
                                                                   examples=EXAMPLES),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_reduction = pytest.mark.parametrize("reduction", ["mean", "mean over labels", "sum"])


def objective_of(case, reduction="mean", **options):
    own = {key: case[key] for key in ("weights", "smoothing", "ignore") if key in case}
    return Objective(NET, CrossEntropy(**own), X, case["y"], case.get("examples"), reduction,
                     **options)


@each_reduction
@each_case
def test_value_and_gradient_are_those_of_a_loop_over_labels(case, reduction):
    objective = objective_of(case, reduction)
    by_hand = lambda theta: textbook(NET.forward(theta, X)[-1], **case,       # noqa: E731
                                     reduction=reduction)
    assert near(objective.value(THETA), by_hand(THETA))
    steps = THETA + 1e-20j * np.eye(THETA.size)
    assert near(gradient(objective, THETA), np.array([by_hand(t).imag / 1e-20 for t in steps]))
    v = RNG.standard_normal(THETA.size)
    truth = objective.grad(THETA + 1e-20j * v).imag / 1e-20
    assert near(hvp(objective, THETA, v), truth, 512)
    assert near(hvp(objective, THETA, v, route="hyper-dual"), truth, 512)


# ---- PyTorch's mean and sum ----

PYTORCH = [                                           # torch 2.15: labels, weights?, smoothing
    ("full", False, 0.0, 1.905224232501353, 11.431345395008119),
    ("full", False, 0.2, 1.85939089916802, 11.156345395008119),
    ("full", True, 0.0, 1.6965748206291922, 14.420885975348133),
    ("full", True, 0.2, 1.6464170740035926, 13.994545129030538),
    ("some", False, 0.0, 1.6953068252611039, 6.7812273010444155),
    ("some", False, 0.2, 1.6953068252611039, 6.7812273010444155),
    ("some", True, 0.0, 1.3066358621823304, 6.5331793109116525),
    ("some", True, 0.2, 1.3493700547980851, 6.746850273990427),
    ("soft", False, 0.0, 1.6718908991680197, 10.031345395008119),
    ("soft", False, 0.2, 1.6727242325013532, 10.03634539500812),
    ("soft", True, 0.0, 2.1559581689184255, 12.935749013510552),
    ("soft", True, 0.2, 2.1344059265934123, 12.806435559560475),
]


@pytest.mark.parametrize("labels, weighted, smoothing, mean, total", PYTORCH)
def test_mean_over_labels_and_sum_are_pytorchs(labels, weighted, smoothing, mean, total):
    """torch.nn.functional.cross_entropy of the same z (2, 3, 4), reductions "mean" and "sum"."""
    n, t, c = np.indices((2, 3, 4))
    z = (3 * n + 5 * t + 7 * c) % 11 / 4 - 1
    y = {"full": np.array([[0, 3, 1], [2, 2, 1]]), "some": np.array([[0, 3, -100], [2, -100, 1]]),
         "soft": np.full(z.shape, [0.1, 0.2, 0.3, 0.4])}[labels]
    loss = CrossEntropy((0.5, 2.0, 1.5, 1.0) if weighted else None, smoothing,
                        None if labels == "soft" else -100)
    identity = np.eye(4).ravel()
    for reduction, truth in (("mean over labels", mean), ("sum", total), ("mean", total / 2)):
        objective = Objective(Sequential(Dense(4, 4, bias=False)), loss, z, y, None, reduction)
        assert near(objective.value(identity), truth)


def test_the_two_denominators():
    """Of 5 examples with 4 labels: per sequence, per label, per label that counts."""
    assert objective_of(CASES["labels"]).R == N
    assert objective_of(CASES["labels"], "mean over labels").R == N * T
    assert objective_of(CASES["some ignored"]).R == N
    assert objective_of(CASES["some ignored"], "mean over labels").R == (SOME >= 0).sum()
    assert near(objective_of(CASES["examples weighted"], "mean over labels").R, T * EXAMPLES.sum())
    assert objective_of(CASES["all of it"], "sum").R == 1
    one = Objective(NET, CrossEntropy(), X[:, 0], LABELS[:, 0], None, "mean over labels")
    assert one.R == N
    squares = Objective(NET, SquaredError(), X, np.zeros((N, T, C)), None, "mean over labels")
    assert squares.R == N * T


def test_weights_are_added_up_in_the_numbers_of_theta():
    """0.1 + 0.1 + ... rounds in every precision; in longdouble only there."""
    case = dict(y=LABELS, weights=(0.1, 0.1, 0.1))
    wide = objective_of(case, "mean over labels").to("longdouble")
    plain = objective_of(CASES["labels"], "mean over labels").to("longdouble")
    theta = THETA.astype("longdouble")
    error = abs(wide.value(theta) - plain.value(theta))
    assert error <= 64 * np.finfo("longdouble").eps
    assert objective_of(case, "mean over labels").to("float32").grad(
        THETA.astype("float32")).dtype == np.float32


# ---- example by example ----

def row_weights(objective):
    return np.ones(N) if objective.weights is None else objective.weights


@each_reduction
@each_case
def test_rows_add_up_to_the_gradient(case, reduction):
    objective = objective_of(case, reduction, l2=0.3)
    rows = per_example_gradients(objective, THETA)
    total = row_weights(objective) @ rows / objective.R + 0.3 * THETA
    assert near(total, gradient(objective, THETA))


@each_case
def test_rows_are_the_gradients_of_sequences_alone(case):
    objective = objective_of({key: a for key, a in case.items() if key != "examples"}, "sum")
    alone = [objective.batch(slice(n, n + 1)).grad(THETA) for n in range(N)]
    assert near(per_example_gradients(objective, THETA), np.array(alone))


def test_a_batch_divides_by_its_own_labels():
    objective = objective_of(CASES["some ignored"], "mean over labels")
    index = np.array([3, 1])
    cut = objective.batch(index)
    assert cut.R == (SOME[index] >= 0).sum()
    parts = [objective.batch(slice(n, n + 1)) for n in index]
    assert near(cut.value(THETA), sum(p.R * p.value(THETA) for p in parts) / cut.R)


# ---- Jacobian, Gauss-Newton and Fisher ----

def test_the_jacobian_has_a_row_for_every_output_of_every_place():
    J = jacobian(objective_of(CASES["labels"]), THETA)
    steps = np.array([NET.forward(t, X)[-1].imag / 1e-20
                      for t in THETA + 1e-20j * np.eye(THETA.size)])
    assert J.shape == (N, T, C, THETA.size) and near(J, np.moveaxis(steps, 0, -1))


def sandwich(objective, middle):
    """(1/R) sum_nt w_nt J_nt^T S_nt J_nt, label by label; S from (p, q) of one label."""
    J, z = jacobian(objective, THETA), NET.forward(THETA, X)[-1]
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    total, (weights, smoothing, ignore) = 0, objective.loss.parameters
    c = np.ones(C) if weights is None else np.array(weights)
    for n, t in np.ndindex(N, T):
        y = objective.y[n, t]
        if np.ndim(y) == 0 and y == ignore:
            continue
        q = c * distribution(y, smoothing)
        S = q.sum() * middle(p[n, t], q / q.sum())
        total = total + row_weights(objective)[n] * J[n, t].T @ S @ J[n, t]
    return total / objective.R


@each_reduction
@each_case
def test_gauss_newton_and_fisher_are_sums_over_labels(case, reduction):
    """Labels at different places are independent: no products of two places."""
    objective = objective_of(case, reduction)
    truth = sandwich(objective, lambda p, q: np.diag(p) - np.outer(p, p))
    assert near(dense(gauss_newton(objective, THETA)), truth)
    assert near(dense(fisher(objective, THETA)), truth)
    truth = sandwich(objective, lambda p, q: np.outer(p - q, p - q))
    assert near(dense(fisher(objective, THETA, "empirical")), truth)


def test_drawn_labels_average_to_the_fisher_matrix_where_labels_count():
    """The mean of 4000 draws is within 6 standard errors, estimated by the draws themselves."""
    objective = objective_of(CASES["all of it"], "mean over labels")
    rng, truth = np.random.default_rng(1), dense(fisher(objective, THETA))
    parts = np.array([dense(fisher(objective, THETA, "mc", rng, samples=200)) for _ in range(20)])
    spread = parts.std(0, ddof=1) / np.sqrt(20)
    assert (np.abs(parts.mean(0) - truth) <= 6 * spread + 1e-12).all()


# ---- bad input ----

def test_nothing_to_learn_from_is_refused():
    for y, loss in ((np.full((N, T), -1), CrossEntropy(ignore=-1)),
                    (np.zeros((N, T), int), CrossEntropy((0, 1, 1))),
                    (np.zeros((N, T), int), CrossEntropy((0, 1, 1), smoothing=0.1))):
        with pytest.raises(ValueError, match="nothing is left to learn from"):
            Objective(NET, loss, X, y, None, "mean over labels")


def test_labels_of_another_shape_and_other_reductions_are_refused():
    with pytest.raises(ValueError, match=r"y has shape \(5,\).*\(5, 4\)"):
        Objective(NET, CrossEntropy(), X, LABELS[:, 0])
    with pytest.raises(ValueError, match=r"y must be labels in 0..2; y\[.*\] = -1"):
        Objective(NET, CrossEntropy(), X, SOME)
    with pytest.raises(ValueError, match="reduction must be one of .* got 'mean over words'"):
        Objective(NET, CrossEntropy(), X, LABELS, None, "mean over words")
