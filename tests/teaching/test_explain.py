"""Derivations in numbers: they lead to the package's, and a wrong step is caught."""

import re
from dataclasses import FrozenInstanceError, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

import reference as ref
from reference.teaching.explain import (averages, eigenbasis, explained, first, kronecker, matrices,
                                        nearest_product, passes, quasi_newton, second)
from reference.teaching.explain.board import Board
from reference.teaching.explain.formula import plain
from reference.teaching.explain.numbers import entries
from reference.teaching.explain.step import coded
from reference.teaching.explain.stories import STORIES

ROOT = Path(__file__).parents[2]
NETS = "dense", "conv", "recurrent", "words"     # "words": labels at places
REFUSED = {"conv": {"kfra"}, "recurrent": {"kfra", "positive_curvature"}}
SUMS = 1e-13                       # of the largest entry: hundreds of roundings of short sums, and
INVERSES = 1e-12                   # some thousands after inversions of condition 10


@pytest.fixture(scope="module", params=NETS)
def net(request):
    return request.param


def point_of(net):
    return ref.test_point(net, np.random.default_rng(0))


@pytest.fixture(scope="module")
def dense():
    return point_of("dense")


def arguments(name, objective, theta):
    v = np.random.default_rng(3).standard_normal(theta.size)
    u = np.random.default_rng(4).standard_normal(objective.output_shape)
    found = {"v": v, "u": u, "lam": 0.3, "theta_plus": theta - 0.1 * objective.grad(theta)}
    if name == "kbfgs_update":
        found["factors"] = ref.kbfgs_factors(objective, theta, 0.3)
    return [found[each] for each in STORIES[name].arguments]


def told(name, point, **options):
    objective, theta = point
    return ref.explain(name, objective, theta, *arguments(name, objective, theta), **options)


# ---- every quantity on every kind of net ----

@pytest.mark.parametrize("name", STORIES)
def test_the_steps_lead_to_the_package(name, net):
    point = point_of(net)
    if name in REFUSED.get(net, ()):
        with pytest.raises(ValueError, match="neither Dense nor|neither affine nor"):
            told(name, point)
        return
    told_here = told(name, point)
    assert told_here.difference < (INVERSES if name.startswith("kbfgs") else SUMS)
    assert told_here.steps[-1].value == told_here.difference
    assert 4 <= len(told_here.steps) <= 10
    require_readable(told_here)


def require_readable(told_here):
    """Narrow ASCII text, formulas with and without LaTeX, and code that is where it says."""
    text, markdown = str(told_here), told_here._repr_markdown_()
    assert text.isascii() and max(map(len, text.splitlines())) <= 100
    unwrapped = re.sub(r"\n +", " ", text)
    for step in told_here.steps:
        assert step.shape == np.shape(step.value) and step.words.endswith((".", ":"))
        assert "\\" not in step.text and step.text in unwrapped
        assert f"$${step.formula}$$" in markdown and is_mathematics(step.formula)
        assert step.code and all(map(is_coded, step.code.splitlines()))


@cache
def is_mathematics(latex):
    """Whether a renderer of LaTeX takes the formula."""
    try:
        MathTextParser("path").parse(f"${latex}$")
    except ValueError:
        return False
    return True


@cache
def is_coded(line):
    """Whether a definition of that name begins on that line of that file."""
    path, number, name = re.fullmatch(r"([\w/.]+):(\d+) ([\w.<>]+)", line).groups()
    lines = (ROOT / path).read_text("utf-8").splitlines()[int(number) - 1:]
    first = next(each for each in lines if not each.lstrip().startswith("@"))
    return bool(re.match(rf"\s*(def|class) {name.split('.')[-1]}\b", first))


def test_a_formula_can_be_wrong_and_where_it_is_coded_too():
    assert is_mathematics(r"\frac{a}{b}") and not is_mathematics(r"\frac{a}{b")
    line = coded(ref.kfac)
    assert is_coded(line) and not is_coded(line.replace("kfac.py:", "kfac.py:1"))
    assert not is_coded(line.replace(" kfac", " kflr"))


# ---- what is followed by hand is the package's number ----

def by_hand(step):
    """The number at the end of the sum in the words."""
    return float(re.findall(r"= (-?[\d.e+-]*\d)", step.words)[-1])


@pytest.mark.parametrize("name", ["dense", "image", "lstm"])
def test_entries_by_hand(name):
    objective, theta = at = point_of(name)
    dW = objective.net.layout.unpack(objective.grad(theta))[0]
    K = ref.kfac(objective, theta)[0]
    found = {step.text.split(" = ")[0]: step for quantity in ("gradient", "kfac")
             for step in told(quantity, at).steps}
    assert by_hand(found["dL/dW_1"]) == pytest.approx(dW[0, 1], rel=1e-3)      # four digits
    assert by_hand(found["A"]) == pytest.approx(K.A[0, 1], rel=1e-3)
    assert by_hand(found["G"]) == pytest.approx(K.G[0, 0], rel=1e-3)
    assert by_hand(found["s_nt"]) == pytest.approx(found["s_nt"].value[0, 0, 0], rel=1e-3)
    g = [step for step in told("gradient", at).steps if step.text.startswith("g_n")][-1]
    assert by_hand(g) == pytest.approx(g.value[0, 0, 0], rel=1e-3)


# ---- options ----

@pytest.mark.parametrize("name, options", [
    ("fisher", {"kind": "empirical"}), ("kfac", {"kind": "ggn", "setting": "reduce"}),
    ("kfac", {"kind": "empirical"}), ("ekfac", {"setting": "reduce"}),
    ("nearest_kron", {"kind": "empirical"}), ("kbfgs_factors", {"memory": 5}),
    ("kbfgs_update", {"decay": 0.0}), ("hvp", {"route": "complex step"})])
def test_options_of_the_quantity(name, options):
    assert told(name, point_of("conv"), **options).difference < INVERSES


@pytest.mark.parametrize("phi", ["abs", "clip", "zero", "identity"])
def test_what_is_made_of_bends(dense, phi):
    assert told("positive_curvature", dense, phi=phi).difference < SUMS


@pytest.mark.parametrize("name", ["fisher", "kfac", "ekfac", "nearest_kron"])
def test_a_generator_is_drawn_from_as_by_the_quantity(dense, name):
    ours, theirs = np.random.default_rng(5), np.random.default_rng(5)
    told(name, dense, kind="mc", rng=ours, samples=3)
    ref.fisher(*dense, "mc", theirs, 3)
    assert ours.random() == theirs.random()


def test_a_second_update_of_k_bfgs(dense):
    objective, theta = dense
    first, _, lam = arguments("kbfgs_update", objective, theta)
    factors = ref.kbfgs_update(objective, theta, first, ref.kbfgs_factors(objective, theta, lam),
                               lam)
    then = first - 0.1 * objective.grad(first)
    assert ref.explain("kbfgs_update", objective, first, then, factors, lam).difference < INVERSES


def test_networks_that_tell_no_patches(dense):
    objective, _ = dense
    net = ref.Sequential(ref.Dense(objective.x.shape[1], 4), ref.BatchNorm(4), ref.Tanh(),
                         ref.Dense(4, objective.output_shape[1]))
    coupled = replace(objective, net=net, l2=0.1)
    theta = net.initial(np.random.default_rng(0))
    for name in ("gradient", "hvp", "hessian", "gauss_newton"):
        assert told(name, (coupled, theta)).difference < SUMS
    with pytest.raises(ValueError, match="couples the examples"):
        told("kfac", (coupled, theta))


@pytest.mark.parametrize("scale", [10.0, 1e4])
def test_a_model_that_is_sure_of_its_labels(dense, scale):
    """p - y down to 0, at which textbooks' formulas lose all digits or overflow."""
    objective, theta = dense
    for name in ("gradient", "hvp", "fisher", "kfac", "nearest_kron", "kbfgs_update"):
        assert told(name, (objective, scale * theta)).difference < 1e-6
    assert not ref.explain("hvp", objective, theta, 0 * theta).steps[-2].value.any()


# ---- a wrong step is caught ----

def scaled(function):
    """The first array that it gives, 1e-8 too large."""
    def wrong(*arguments, **options):
        found = function(*arguments, **options)
        if isinstance(found, np.ndarray):
            return found * (1 + 1e-8)
        return type(found)([found[0] * (1 + 1e-8), *found[1:]])
    return wrong


WRONG = [
    ("gradient", passes, "matrix_gradients"), ("value", Board, "losses"),
    ("per_example_gradients", first.np, "einsum"), ("jvp", first, "complex_step"),
    ("vjp", first.np, "einsum"), ("hvp", second, "_sum_of_pairs"),
    ("hessian", second, "_hessian"), ("positive_curvature", second, "_moves"),
    ("gauss_newton", matrices, "sandwich"), ("fisher", Board, "second_moment"),
    ("kfac", kronecker, "factors"), ("ekfac", eigenbasis, "_in_basis"),
    ("kfra", averages.passes, "slope"), ("nearest_kron", nearest_product, "closest"),
    ("kbfgs_factors", quasi_newton, "_flat"), ("kbfgs_update", quasi_newton, "_after")]


@pytest.mark.parametrize("name, place, formula", WRONG, ids=[name for name, *_ in WRONG])
def test_a_wrong_formula_is_caught(monkeypatch, dense, name, place, formula):
    given = arguments(name, *dense)
    ours = STORIES[name].ours(*dense, *given)
    monkeypatch.setattr(place, formula, scaled(getattr(place, formula)))
    monkeypatch.setitem(STORIES, name, replace(STORIES[name], ours=lambda *a: ours))
    with pytest.raises(ArithmeticError, match="differ from the package's numbers by"):
        ref.explain(name, *dense, *given)


@pytest.mark.parametrize("name", STORIES)
def test_a_wrong_package_is_caught(monkeypatch, dense, name):
    story = STORIES[name]
    monkeypatch.setitem(STORIES, name, replace(story, ours=scaled(story.ours)))
    with pytest.raises(ArithmeticError, match="one of the two is wrong"):
        told(name, dense)


def test_another_shape_and_no_number_are_differences():
    assert explained.difference([np.ones(2)], [np.ones(3)]) == np.inf
    assert not explained.difference([np.array([np.nan])], [np.ones(1)]) <= 1
    assert explained.difference([np.zeros(2)], [np.zeros(2)]) == 0


# ---- refusals ----

def test_what_cannot_be_explained(dense):
    with pytest.raises(ValueError, match="'hpv' has no derivation here; pass one of value, "):
        ref.explain("hpv", *dense)
    with pytest.raises(ValueError, match="taylor has no derivation"):
        ref.explain(ref.taylor, *dense)
    with pytest.raises(TypeError, match=r"takes \(objective, theta, v\), got \[\] after theta"):
        ref.explain(ref.hvp, *dense)
    with pytest.raises(ValueError, match="'centred'.*explain one of type-2, mc, empirical"):
        ref.explain(ref.fisher, *dense, kind="centred")


def test_numbers_that_are_none_of_this_net_are_refused_and_no_fault_of_the_package(dense):
    objective, theta = dense
    v = np.ones_like(theta)
    for wrong, words in ((np.nan * v, "not finite"), (v[1:], "v has shape"), (v + 0j, "complex128"),
                         (np.stack([v, v]), r"v has shape \(2, "), (v.astype("float32"), "astype")):
        for quantity in ("jvp", "hvp", "complex step"):
            with pytest.raises((TypeError, ValueError), match=words):
                ref.explain(quantity, objective, theta, wrong)
    with pytest.raises(ValueError, match="u has .* entries that are not finite"):
        ref.explain("vjp", objective, theta, np.full(objective.output_shape, np.nan))
    with pytest.raises(ValueError, match="theta holds complex128"):
        ref.explain("gradient", objective, theta + 0j)
    with np.errstate(all="ignore"):
        with pytest.raises(ValueError, match="overflows: L = .*smaller theta"):
            ref.explain("gradient", objective, 1e160 * theta)


def test_large_nets_are_refused():
    x, y = ref.problems.digits(500)
    net = ref.Sequential(ref.Dense(64, 50), ref.Tanh(), ref.Dense(50, 10))
    objective = ref.Objective(net, ref.CrossEntropy(), x, y)
    theta = net.initial(np.random.default_rng(0))
    with pytest.raises(ValueError, match="P = 3760 squared, more than 2000; take a net"):
        ref.explain(ref.hessian, objective, theta)
    with pytest.raises(ValueError, match="a kernel of 5000 outputs.*objective.batch"):
        ref.explain(ref.ntk, objective, theta)
    with pytest.raises(ValueError, match="a Jacobian of 5000 outputs by P = 3760.*fewer examples"):
        ref.explain(ref.per_example_gradients, objective, theta)
    image = ref.Objective(ref.Sequential(ref.Conv2d(1, 1, 1), ref.Flatten()), ref.SquaredError(),
                          np.ones((1, 1, 80, 80)), np.ones((1, 6400)))
    with pytest.raises(ValueError, match="the 6400 outputs of an example.*fewer outputs"):
        ref.explain("value", image, np.ones(2))


# ---- what is returned ----

def test_an_explanation_is_frozen_and_short_to_look_at(dense):
    told_here = ref.explain(ref.kfac, *dense)
    with pytest.raises(FrozenInstanceError):
        told_here.difference = 0
    assert repr(told_here).startswith("<Explanation of kfac: 9 steps, which lead to")
    assert told_here._repr_markdown_().startswith("### K-FAC's factors G and A\n\nSequential(")


@pytest.mark.parametrize("latex, text", [
    (r"\frac{\partial L}{\partial z_{nc}}", "dL/dz_nc"), (r"\frac{1}{R} \sum_n a_n",
                                                          "(1/R) sum_n a_n"),
    (r"\frac{\partial\, \mathrm{loss}_n}{\partial z_n}", "d loss_n/dz_n"),
    (r"\frac{a + b}{c d}", "(a + b)/(c d)"), (r"R\{z\} = \sqrt{\lambda}\, I", "R{z} = sqrt(lam) I"),
    (r"J_{n,1}^T \otimes H^{-1}", "J_(n,1)^T (x) H^-1"), (r"s \leftarrow \bar s", "s <- sbar"),
    (r"\left(\frac{\frac{a}{b}}{c}\right)^T", "(a/b/c)^T")])
def test_formulas_in_plain_text(latex, text):
    assert plain(latex) == text


def test_entries_are_the_first_and_rounding_is_nothing():
    assert entries(np.array([1.0, 1e-17])) == "[         1          0]"
    assert entries(np.arange(24.0).reshape(2, 3, 4)).startswith("[0] of it:\n[[         0")
    assert entries(2.0) == "2"
