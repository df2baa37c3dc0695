"""check, asked wrongly or answered strangely: one sentence, or a verdict; never a wrong cause."""

from dataclasses import replace

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
    (ValueError, "is no precision", {"dtype": complex}),
    (ValueError, "'nonsense', which is no content", {"allow": ("nonsense",)}),
    (ValueError, "did you mean 'torch'", {"allow": ("touch",)}),
    (ValueError, "'1/M', which is no", {"allow": ("1/M",)})])
def test_misspelt_options_are_refused(error, words, options):
    with pytest.raises(error, match=words):
        told(G, **options)


def test_names_of_factors_orders_and_contents_are_known_on_every_net():
    names = ("-C^2/(N T)", "1/(N - 1)", "gates igfo", "torch; gates igfo", "axes example, theta",
             "no biases", "noise", "nothing", "v and answer in order keras", "1/N^2", "sum w/N")
    assert told(G, allow=names).passed


@pytest.mark.parametrize("quantity, words", [
    ("kfac", "pass seed="), ("fisher_diagonal", "not checked with kind=\"mc\"")])
def test_drawn_labels_need_a_seed(quantity, words):
    with pytest.raises(TypeError, match=words):
        told(G, quantity, kind="mc")


def test_a_module_and_masked_arrays_are_told():
    class Module:
        def named_modules(self):
            return []

        def __call__(self, x):
            return x
    assert "this is a module" in told(Module()).faults[0]
    masked = np.ma.masked_array(G, mask=[True] + [False] * (G.size - 1))
    assert "1 of its entries are masked" in told(masked).faults[0]
    assert told(np.ma.masked_array(G)).passed


def test_unknown_and_missing_names_are_told():
    named = dict(OBJECTIVE.net.named(2.7 * G + 1))
    named["0.w"] = named.pop("0.weight")
    assert "1 unknown: 0.w; 1 missing: 0.weight" in told(named).faults[-1]
    assert not told(dict(OBJECTIVE.net.named(2.7 * G + 1))).faults


@pytest.mark.parametrize("x, theta", [(1e60, 1e-60), (1.0, 1e200), (1e200, 1e-300)])
def test_our_own_answer_agrees_at_any_size(x, theta):
    objective, v = replace(OBJECTIVE, x=x * OBJECTIVE.x), np.ones(THETA.size)
    own = ref.hvp(objective, theta * THETA, v)
    assert ref.check(own, "hvp", objective, theta * THETA, v).verdict == "agrees"
    spoiled = ref.check(1.01 * own + 1, "hvp", objective, theta * THETA, v)
    assert spoiled.verdict == "differs"


def test_a_callable_leaves_numpys_errors_as_they_were():
    def sets(objective, theta):
        np.seterr(all="raise")
        return G
    before = np.geterr()
    assert told(sets).passed and np.geterr() == before


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
    with pytest.raises(TypeError, match="pairs .G, A. of matrices, got a int"):
        ref.convert([1, 2], "kfac", OBJECTIVE, "ours", "kfc")


def test_one_parameter_is_no_difference_quotient_and_no_draw():
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(1, 1, bias=False))
    objective = ref.Objective(net, ref.SquaredError(), *rng.standard_normal((2, 7, 1)))
    theta = net.initial(rng)
    for theirs, quantity in ((objective.grad(theta), "gradient"),
                             (ref.dense(ref.gauss_newton(objective, theta)), "gauss_newton")):
        assert ref.check(1.37 * theirs, quantity, objective, theta).explanation is None
