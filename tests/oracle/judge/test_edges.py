"""Where a verdict turns: at a bound, at a name, at the second call; each turn has its two sides."""

from types import SimpleNamespace

import numpy as np
import pytest

import reference as ref
from reference.network.elementwise import Elementwise
from reference.oracle.judge.answers import answer_of
from reference.oracle.judge.roundings import rounded_operations
from reference.oracle.judge.subjects import SUBJECTS
from reference.oracle.judge.tolerance import bound, bounds_of, rounded
from tests.curvature.brute import NETS

from .by_hand import mean_gradient, outputs, rows, softmax

OBJECTIVE, THETA = NETS["dense"]()
EPS = np.finfo(float).eps
G = mean_gradient(OBJECTIVE, THETA)


def told(theirs, quantity="gradient", *arguments, **options):
    return ref.check(theirs, quantity, OBJECTIVE, THETA, *arguments, **options)


@pytest.fixture(scope="module")
def bounds():
    given, subject = (OBJECTIVE, THETA), SUBJECTS["gradient"]
    return bounds_of(subject, given, {}, subject.pieces(*given), EPS)[0]


# ---- bounds ----

def test_a_bound_is_its_formula():
    f, moved = np.array([3.0, -4.0]), [np.array([3.0, -3.5]), np.array([3.0, -4.25])]
    expected = 8 * np.array([0, 0.5]) + 4 * np.sqrt(0.125) + 4e-3 * np.abs(f) + 1e-3 * 12.5 ** 0.5
    np.testing.assert_allclose(bound(f, moved, 1e-3), expected, rtol=1e-12)


def test_terms_that_cancel_within_widen_the_bound():
    """(t + 1000) - 1000 loses about 500 eps, which no rounding of t tells."""
    def pieces(objective, t):
        big = t.dtype.type(1000)
        return [SimpleNamespace(array=t + big - big)]
    theta = np.random.default_rng(0).uniform(0.5, 1.0, 31)
    given, subject = (OBJECTIVE, theta), SimpleNamespace(pieces=pieces)
    widest = bounds_of(subject, given, {}, pieces(*given), EPS)[0].max() / EPS
    assert 300 < widest < 1e5


def test_targets_that_are_the_inputs_stay_so():
    x = np.random.default_rng(0).standard_normal((11, 3))
    objective = ref.Objective(ref.Sequential(ref.Dense(3, 3)), ref.SquaredError(), x, x)
    assert objective.y is objective.x
    moved, _ = rounded((objective, np.ones(12)), 1e-3, np.random.default_rng(0))
    assert moved.y is moved.x and not np.array_equal(moved.x, x)


def test_each_operation_is_off_by_itself():
    """f, f', the loss and its derivatives: what is exact in one is not excused by another."""
    off = rounded_operations(OBJECTIVE, 1e-6, np.random.default_rng(0))
    z, y, x = OBJECTIVE.outputs(THETA), OBJECTIVE.targets, np.linspace(0.3, 0.9, 7)[None]
    pairs = [tuple(getattr(o.loss, name)(z, y) for o in (off, OBJECTIVE))
             for name in ("value", "gradient", "hessian", "fisher")]
    ours, theirs = ([each for each in o.net.layers if isinstance(each, Elementwise)][0]
                    for o in (OBJECTIVE, off))
    pairs += [(theirs.forward(None, x), ours.forward(None, x)),
              (theirs.slope(x, np.tanh(x)), ours.slope(x, np.tanh(x)))]
    for a, b in pairs:
        assert 1e-8 < np.linalg.norm(a - b) / np.linalg.norm(b) < 1e-5


@pytest.mark.parametrize("share, verdict", [(0.5, "agrees"), (1.5, "differs")])
def test_an_entry_beyond_its_bound_differs_though_no_cause_is_needed(bounds, share, verdict):
    theirs = OBJECTIVE.grad(THETA)
    theirs[4] += share * bounds[4]
    assert told(theirs).verdict == verdict


def test_the_worst_entry_is_so_by_its_own_bound_and_small_ones_are_found(bounds):
    wide, narrow = np.argmax(bounds), np.argmin(bounds)
    assert 1.5 * bounds[narrow] < bounds[wide]
    theirs = OBJECTIVE.grad(THETA)
    theirs[wide] += 40 * bounds[wide]
    theirs[narrow] += 60 * bounds[narrow]
    report = told(theirs)
    assert report.first_wrong and report.worst.theirs == theirs[narrow]


# ---- names ----

@pytest.mark.parametrize("factor, text", [
    (1.0005, "ours x 1.0005 (no known constant)"), (1.005 / 11, "no known constant"),
    (-1 / 11, "ours x -1/N")])
def test_what_is_near_a_constant_is_not_it(factor, text):
    found = told(factor * G).explanation
    assert found.kind == "error" and text in found.text


def test_a_factor_excuses_no_entry_beyond_its_bound(bounds):
    theirs, narrow = OBJECTIVE.grad(THETA) / OBJECTIVE.N, np.argmin(bounds)
    right = told(theirs)
    assert right.explanation.text == "ours x 1/N" and right.diagnosis.runner_up is None
    theirs[narrow] += 5 * bounds[narrow] / OBJECTIVE.N
    assert told(theirs).explanation is None


def test_fewer_numbers_come_before_a_smaller_residual():
    theirs = [(1.01 * (1 + 2e-15 * l) * K.G, K.A) for l, K in enumerate(ref.kfac(OBJECTIVE, THETA))]
    diagnosis = told(theirs, "kfac").diagnosis
    assert diagnosis.best.factors.keys() == {"G", "A"}
    assert diagnosis.runner_up.residual < diagnosis.best.residual


def test_a_size_of_one_layer_is_a_name_there():
    theirs = [(K.G, K.A * (1 if l else 0.2)) for l, K in enumerate(ref.kfac(OBJECTIVE, THETA))]
    assert "A of matrix 0: ours x 1/I" in told(theirs, "kfac").explanation.text


@pytest.mark.parametrize("factors, text", [
    ({"0.weight": 1 / 11}, "0.weight: ours x 1/N"), ({"0.weight": -1}, "0.weight: ours x -1"),
    ({"0.weight": 0}, "0.weight: ours x 0"), ({"0.weight": 0.2, "0.bias": 0.2}, "ours x 1/I"),
    ({"0.weight": 1.3}, "0.weight: ours x 1.3 (no known constant)"),
    ({"0.bias": 1.37}, None), ({"0.weight": 1.3, "2.weight": 1.7}, None),
    ({"0.weight": 1 / 11, "0.bias": 7, "2.weight": -1, "2.bias": 1 / 7}, None)])
def test_a_parameter_may_be_scaled_and_no_more_than_that(factors, text):
    """Two entries of a bias, two numbers without names, or a name for each explain nothing."""
    named = {name: factors.get(name, 1) * a for name, a in OBJECTIVE.net.named(G).items()}
    found = told(named).explanation
    assert found is None if text is None else (
        found.kind == "error" and found.text.endswith(text))


def test_an_error_that_is_stored_in_few_bits_is_an_error():
    found = told((-G).astype("float32").astype(float)).explanation
    assert found.kind == "error" and "stored in float32, and ours x -1" in found.text


@pytest.mark.parametrize("order, kind", [(1, "noise"), (-1, None)])
def test_labels_drawn_with_weights_are_noise(order, kind):
    """Twenty labels of each example, and the same with weights of examples that are not these."""
    rng, N = np.random.default_rng(2), OBJECTIVE.N
    objective = ref.Objective(OBJECTIVE.net, OBJECTIVE.loss, OBJECTIVE.x, OBJECTIVE.y,
                              rng.uniform(0.3, 2.0, N))
    p = softmax(outputs(OBJECTIVE, THETA))
    drawn = np.stack([rng.multinomial(20, row) for row in p]) / 20
    g = np.stack([rows(OBJECTIVE, THETA, p - np.eye(7)[c]) for c in range(7)])
    F = np.einsum("nc,n,cni,cnj->ij", drawn, objective.weights[::order], g, g) / N
    found = ref.check(F, "fisher_type2", objective, THETA).explanation
    assert (found and found.kind) == kind


# ---- answers and reports ----

def test_the_narrowest_of_several_precisions_counts_and_whole_numbers_are_exact():
    named = dict(OBJECTIVE.net.named(G))
    first = next(iter(named))
    mixed = named | {first: named[first].astype("float32")}
    assert told(mixed).verdict == "agrees"
    assert answer_of([np.arange(3), np.ones(3)], ()).dtype == float


def test_a_second_call_that_fails_is_told_and_what_is_printed_is_kept_off(capsys):
    calls = iter([G])

    def once(objective, theta):
        print("noise")
        return next(calls)
    report = told(once)
    assert report.verdict == "differs"
    assert "a second identical call fails: it raises StopIteration" in report.faults[0]
    assert capsys.readouterr().out == ""


def test_what_is_not_offered_is_skipped_and_what_is_unusable_fails():
    def absent(objective, theta):
        raise NotImplementedError
    assert "<skipped" in told(absent).junit() and "<failure" in told("text").junit()
