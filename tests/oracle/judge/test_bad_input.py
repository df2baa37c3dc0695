"""check, asked wrongly or answered strangely: one sentence, or a verdict; never a wrong cause."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import reference as ref
from tests.curvature.brute import NETS

OBJECTIVE, THETA = NETS["dense"]()
G = OBJECTIVE.grad(THETA)


def told(theirs, quantity=ref.gradient, *arguments, **options):
    return ref.check(theirs, quantity, OBJECTIVE, THETA, *arguments, **options)


@pytest.mark.parametrize("error, words, options", [
    (ValueError, "no convention 'pytorch'", {"convention": "pytorch"}),
    (TypeError, "pass a tuple of names", {"allow": "1/N"}),
    (ValueError, "'bfloat16' is no precision", {"dtype": "bfloat16"}),
    (ValueError, "is no precision", {"dtype": complex})])
def test_misspelt_options_are_refused(error, words, options):
    with pytest.raises(error, match=words):
        told(G, **options)


@pytest.mark.parametrize("steps", [0, -3, 1.5])
def test_a_trajectory_has_a_step(steps):
    with pytest.raises(ValueError, match="at least 1"):
        told(THETA[None], "trajectory", optimizer=ref.SGD(0.1), steps=steps)


def test_points_that_no_program_can_be_held_to_are_refused():
    with pytest.raises(ValueError, match="v has .* not finite"):
        told(G, "hvp", np.full(THETA.size, np.nan))
    for dtype in (complex, object):
        with pytest.raises(ValueError, match="theta holds"):
            ref.check(G, ref.gradient, OBJECTIVE, THETA.astype(dtype))
    with pytest.raises(TypeError, match="hyper-parameters"):
        told(THETA, "step", optimizer="sgd")


def test_sizes_beyond_all_floats_leave_no_warning_and_no_exception():
    with np.errstate(all="raise"):
        for size in (1e300, 1e-300):
            assert told(size * G).verdict == "differs"


def test_wider_numbers_than_ours_are_judged_by_ours():
    assert told(G.astype(np.longdouble)).verdict == "agrees"
    assert told((1 + 1e-9) * G.astype(np.longdouble)).verdict == "differs"


def test_zeros_are_named():
    for theirs, quantity in ((0 * G, "gradient"), (np.zeros((G.size,) * 2), "hessian")):
        assert told(theirs, quantity).explanation.content == "nothing"
    assert told(0 * G).diagnosis.runner_up is None


def test_few_bits_are_no_excuse():
    """Whole numbers, and random ones in float16, are not ours by any cause."""
    rng = np.random.default_rng(0)
    for theirs in (np.arange(G.size), rng.standard_normal(G.size).astype("float16"),
                   (1.3 * G).astype("float16")):
        report = told(theirs)
        assert report.verdict == "differs"
        assert report.explanation is None or "no known constant" in report.explanation.text
    assert told((G / OBJECTIVE.N).astype("float16")).explanation.text == "ours x 1/N"


def test_what_is_no_array_is_named_and_a_sparse_one_is_filled():
    assert "is a generator" in told(lambda *given: (x for x in G)).faults[0]
    H = ref.dense(ref.hessian(OBJECTIVE, THETA))
    assert told(csr_matrix(H), "hessian").verdict == "agrees"


def test_a_callable_may_lock_our_arrays():
    x = OBJECTIVE.x

    def locks(objective, theta):
        objective.x.setflags(write=False)
        return G
    try:
        assert told(locks).verdict == "agrees"
    finally:
        x.setflags(write=True)


def test_identify_and_convert_say_what_they_want():
    with pytest.raises(TypeError, match="pass a dict"):
        ref.identify(G, OBJECTIVE, THETA, arguments=[G])
    with pytest.raises(TypeError, match="list of pairs"):
        ref.convert(None, "kfac", OBJECTIVE, "ours", "kfc")


def test_one_parameter_is_no_difference_quotient_and_no_draw():
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(1, 1, bias=False))
    objective = ref.Objective(net, ref.SquaredError(), *rng.standard_normal((2, 7, 1)))
    theta = net.initial(rng)
    for theirs, quantity in ((objective.grad(theta), "gradient"),
                             (ref.dense(ref.gauss_newton(objective, theta)), "gauss_newton")):
        assert ref.check(1.37 * theirs, quantity, objective, theta).explanation is None
