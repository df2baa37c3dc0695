"""The map is true: what is proven is so, what is so is proven, and each condition is needed."""

from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.oracle.atlas import _broken, cosine, distance, matrix_names, related
from reference.oracle.map_cases import CASES, case
from reference.oracle.map_page import matrices_of
from reference.oracle.matrices import MATRICES, blocks_of
from reference.oracle.place import Place, reach
from reference.oracle.theorems import THEOREMS
from reference.problems.layers import LAYERS
from tests.curvature import brute
from tests.derivatives.cases import LOSSES, make

ROOT = Path(__file__).parents[2]
AWAY = 1e-3                           # what is not equal differs by this, or a tenth at least
EQUALITIES = [t for t in THEOREMS if t.is_equality]
ORDERS = [t for t in THEOREMS if not t.is_equality]


def decayed():
    """Residuals of 0 and weight decay."""
    objective, theta = case("zero residual")
    return replace(objective, l2=0.1), theta


def constant_lost():
    """A linear network whose second matrix has no bias, so that the third's is not among its p."""
    rng = np.random.default_rng(1)
    net = ref.Sequential(ref.Dense(4, 3), ref.Dense(3, 2, bias=False), ref.Dense(2, 3))
    return (ref.Objective(net, ref.BinaryCrossEntropy(), rng.standard_normal((7, 4)),
                          rng.random((7, 3))), rng.standard_normal(net.layout.size))


def rotated():
    """z = s_1 + Q s_2 of two places, Q orthogonal: E[g g^T] is I at both, and Q between them."""
    rng, c, s = np.random.default_rng(2), 0.6, 0.8
    net = ref.Sequential(ref.Conv1d(2, 2, 1), ref.Flatten(-2), ref.Dense(4, 2, bias=False))
    V = np.array([[[1, 0], [0, 1]], [[c, -s], [s, c]]]).transpose(1, 2, 0).reshape(2, 4)
    theta = net.layout.pack([rng.standard_normal((2, 3)), V])
    return ref.Objective(net, ref.SquaredError(), rng.standard_normal((7, 2, 2)),
                         rng.standard_normal((7, 2))), theta


def masked():
    """One p in a branch whose g a mask changes, and one g in another, whose p differ."""
    rng = np.random.default_rng(3)
    mask = ref.Dropout(np.arange(14).reshape(7, 2) % 3 > 0)
    net = ref.Sequential(ref.Parallel(ref.Sequential(ref.ReLU(), ref.Dense(4, 2), mask),
                                      ref.Dense(4, 2)))
    return (ref.Objective(net, ref.SquaredError(), -rng.random((7, 4)), rng.random((7, 2))),
            rng.standard_normal(net.layout.size))


MORE = {"zero residual, weight decay": decayed, "linear, a constant lost": constant_lost,
        "rotated places": rotated, "masked": masked}


@cache
def found(name):
    """The Place of a case, and its matrices."""
    place = Place(*(MORE[name]() if name in MORE else case(name)))
    return place, matrices_of(place.objective, place.theta)


def both(theorem, name):
    """Whether both matrices of a theorem are defined for a case."""
    return {theorem.left, theorem.right} <= found(name)[1].keys()


# ---- every pair in every regime ----

@pytest.mark.parametrize("name", [*CASES, *MORE])
def test_in_every_regime_what_is_equal_is_proven_and_what_is_proven_is_so(name):
    """Of all pairs of matrices, whole and block by block, and of all orders."""
    place, matrices = found(name)
    for left, right in combinations(matrices, 2):
        relation = related(left, right, matrices, place)
        assert relation.warnings == ()
        for gap, equal in zip(relation.blocks.values(), relation.equal_blocks.values()):
            assert equal or gap > AWAY / 10


# What has one matrix or layers of a kind: blocks equal by rank, not by a theorem, are left out.
SOME = ["Dense", "Dense at places", "Residual", "Parallel, added", "Tied", "LayerNorm first",
        "BatchNorm", "BatchNorm in evaluation", "Dropout", "Conv2d, two groups", "MaxPool2d",
        "Embedding", "LSTM", "MultiHeadAttention"]


@pytest.mark.parametrize("name", SOME)
def test_on_layers_of_all_kinds_nothing_that_is_proven_fails(name):
    place = Place(*LAYERS[name](np.random.default_rng(0)))
    matrices = matrices_of(place.objective, place.theta)
    assert "hessian" in matrices
    for left, right in combinations(matrices, 2):
        warnings = related(left, right, matrices, place).warnings
        assert not [text for text in warnings if "proven" in text]


@pytest.mark.parametrize("loss", LOSSES)
def test_with_every_loss_and_weights_what_is_equal_is_proven(loss):
    layers = ref.Dense(5, 3), ref.Identity(), ref.Dense(3, 2), ref.Tanh(), ref.Dense(2, 4)
    weights = np.array([0.5, 2, 0, 1, 1.5, 0.7, 1])
    place = Place(*make(layers, LOSSES[loss], weights=weights, l2=0.3, reduction="sum"))
    matrices = matrices_of(place.objective, place.theta)
    assert len(matrices) > 6
    for left, right in combinations(matrices, 2):
        assert related(left, right, matrices, place).warnings == ()


@pytest.mark.parametrize("net", brute.NETS)
@pytest.mark.parametrize("name", MATRICES)
def test_every_matrix_is_related_to_gauss_newton_or_refused_by_its_own_code(net, name):
    objective, theta = brute.NETS[net]()
    try:
        relation = ref.relate(name, "gauss-newton", objective, theta)
    except (ValueError, np.linalg.LinAlgError) as error:
        assert any(word in str(error) for word in ("neither", "at 7 places", "condition number"))
        return
    assert relation.warnings == () and list(relation.blocks) == matrix_names(objective.net)


# ---- each theorem has a place where it holds, and one for each condition where it does not ----

@pytest.mark.parametrize("theorem", EQUALITIES, ids=lambda t: f"{t}: {t.words}"[:90])
def test_an_equality_holds_in_a_regime_of_the_map(theorem):
    regimes = [name for name in CASES if both(theorem, name)
               and theorem.holds(found(name)[0].objective, found(name)[0].theta)]
    assert regimes
    for name in regimes:
        place, matrices = found(name)
        relation = related(theorem.left, theorem.right, matrices, place)
        assert all(relation.equal_blocks.values())
        assert theorem.relation != "equal" or relation.equal


NEEDED = [(t, c) for t in EQUALITIES for c in t.conditions if not c.defines]


@pytest.mark.parametrize("theorem, condition", NEEDED,
                         ids=[f"{t}: {c.words}"[:90] for t, c in NEEDED])
def test_each_condition_is_needed(theorem, condition):
    """Where it alone fails, at a weight matrix, the two matrices differ."""
    others = [c for c in theorem.conditions if c is not condition]
    gaps = []
    for name in filter(lambda name: both(theorem, name), [*CASES, *MORE]):
        place, matrices = found(name)
        relation = related(theorem.left, theorem.right, matrices, place)
        for l, gap in enumerate(relation.blocks.values()):
            if not place.answer(condition)[l] and all(place.answer(c)[l] for c in others):
                whole = theorem.relation == "equal" and relation.whole
                gaps.append(max(gap, whole or 0))
    assert max(gaps, default=0) > AWAY


def test_conditions_that_define_a_matrix_fail_where_it_is_not_defined():
    for theorem in EQUALITIES:
        for condition in theorem.conditions:
            if condition.defines:
                for name in CASES:
                    assert found(name)[0].answer(condition).all() or not both(theorem, name)


@pytest.mark.parametrize("theorem", ORDERS, ids=str)
def test_an_order_cannot_be_turned_round(theorem):
    turned = replace(theorem, left=theorem.right, right=theorem.left)
    seen = [name for name in CASES if both(theorem, name)
            and theorem.holds(found(name)[0].objective, found(name)[0].theta)]
    assert all(_broken(theorem, *found(name)[::-1], 1e-12) is None for name in seen)
    assert any(_broken(turned, *found(name)[::-1], 1e-12) for name in seen)


def test_proofs_are_files_and_names_are_matrices():
    for theorem in THEOREMS:
        assert (ROOT / theorem.proof).is_file()
        assert {theorem.left, theorem.right} | {theorem.of or "hessian"} <= MATRICES.keys()


def test_one_p_here_and_one_g_there_are_exact_in_their_blocks_and_not_between():
    place, matrices = found("masked")
    relation = related("kfac whole", "fisher", matrices, place)
    assert all(relation.equal_blocks.values()) and relation.whole > 0.01


# ---- a wrong matrix is seen ----

def test_a_planted_wrong_matrix_makes_a_warning():
    place, matrices = found("tanh, squared error")
    assert related("fisher", "gauss-newton", matrices, place).warnings == ()
    wrong = matrices | {"fisher": matrices["fisher"] * (1 + 1e-9)}
    whole, *each = related("fisher", "gauss-newton", wrong, place).warnings
    assert "fisher and gauss-newton differ although they are proven equal" in whole
    assert "fisher = gauss-newton [Mar20]" in whole and len(each) == 3
    in_one_block = matrices["fisher"].copy()
    in_one_block[0, 0] *= 1 + 1e-9
    texts = related("fisher", "gauss-newton", matrices | {"fisher": in_one_block}, place).warnings
    assert len(texts) == 2 and "blocks 0.weight of fisher" in texts[1]


def test_nan_is_not_equal():
    place, matrices = found("tanh")
    spoilt = matrices["fisher"].copy()
    spoilt[3, 4] = np.nan
    relation = related("fisher", "gauss-newton", matrices | {"fisher": spoilt}, place)
    assert not relation.equal and "one of the codes is wrong" in relation.warnings[0]


def test_an_equality_that_nothing_proves_makes_a_warning():
    place, matrices = found("tanh")
    same = matrices | {"empirical fisher": matrices["hessian"]}
    relation = related("empirical fisher", "hessian", same, place)
    assert relation.equal and len(relation.warnings) == 4
    assert "a coincidence, or a theorem that is not in the list" in relation.warnings[0]


def test_an_order_that_is_broken_makes_a_warning():
    place, matrices = found("tanh")
    for left, right, wrong in (
            ("clipped", "positive curvature", {"positive curvature": 0.9 * matrices["clipped"]}),
            ("nearest kronecker", "kfac",
             {"nearest kronecker": [1.5 * B for B in matrices["nearest kronecker"]]})):
        texts = related(left, right, matrices | wrong, place).warnings
        assert any("is proven, and not so" in text for text in texts)


# ---- what is told ----

def test_distances_and_cosines_are_of_frobenius():
    a, b = np.array([[3.0, 0], [0, 0]]), np.array([[3.0, 0], [0, 4]])
    assert distance([(a, b)]) == 0.8 and cosine([(a, b)]) == 0.6
    assert distance([(a, a), (0 * a, b)]) == 4 / np.sqrt(34) * 1.25
    assert distance([(0 * a, 0 * a)]) == 0 and distance([(a, 0 * a)]) == np.inf
    assert np.isnan(cosine([(a, 0 * a)]))


def test_a_relation_tells_chains_of_theorems_and_what_is_lacking():
    objective, theta = case("tanh")
    one = objective.batch([0])
    relation = ref.relate("kfra", "fisher", one, theta)
    assert relation.whole is None and relation.equal and relation.warnings == ()
    for chain in relation.because_blocks.values():
        names = [{t.left, t.right} for t in chain]
        assert "kfra" in names[0] and "fisher" in names[-1]
        assert all(a & b for a, b in zip(names, names[1:]))
    relation = ref.relate("kfac", "fisher", objective, theta)
    [(theorem, [condition])] = relation.failing.items()
    assert theorem.left == "kfac" and condition.words.startswith("p, or else E[g g^T]")
    assert not theorem.holds(objective, theta) and theorem.holds(one, theta)
    text = str(relation)
    assert "for lack of: p, or else E[g g^T]" in text and "0.weight" in text


def test_a_matrix_is_equal_to_itself():
    relation = ref.relate("kfac", "kfac", *case("tanh"))
    assert relation.equal and relation.warnings == () and relation.cosine == pytest.approx(1)


def test_the_hessian_of_the_last_matrix_is_gauss_newtons():
    relation = ref.relate("hessian", "gauss-newton", *case("tanh"))
    assert list(relation.equal_blocks.values()) == [False, False, True] and not relation.equal
    assert [len(chain) for chain in relation.because_blocks.values()] == [0, 0, 1]


def test_an_output_reaches_what_is_behind_it_and_not_the_other_branch():
    f = ref.Tanh()
    net = ref.Sequential(ref.Dense(2, 2), ref.Parallel(ref.Sequential(f, ref.Dense(2, 2)), f), f)
    assert reach(net, 0) == {0: {1, 2, 3, 4}, 1: {2, 4}, 2: {4}, 3: {4}, 4: set()}


def test_inverses_may_cost_the_digits_of_their_condition():
    """A middle matrix whose inputs nearly coincide."""
    objective, theta = case("deep linear")
    W, *rest = objective.net.layout.unpack(theta)
    flat = objective.net.layout.pack([np.vstack([W[:2], W[1:2] + 1e-5 * W[2:]]), *rest])
    plain, poor = (ref.relate("tridiagonal kfac", "kfac whole", objective, at)
                   for at in (theta, flat))
    assert poor.warnings == () and 1e-8 < poor.tolerance < 1 and plain.tolerance < 1e-9
    assert poor.whole > 16 * theta.size * eps(float)


def test_float32_has_its_own_tolerance():
    objective, theta = case("N = 1")
    narrow = ref.relate("ekfac", "fisher", objective.to("float32"), theta.astype("float32"))
    assert narrow.equal and narrow.tolerance > 1e-5 and narrow.warnings == ()


@pytest.mark.parametrize("left", ["Hessian", "kron", 3, None])
def test_a_wrong_name_is_refused_with_the_choices(left):
    with pytest.raises(ValueError, match=rf"no matrix {left!r}; choose one of hessian, gauss-newt"):
        ref.relate(left, "hessian", *case("tanh"))


def test_what_cannot_be_compared_is_refused():
    objective, theta = case("tanh")
    with pytest.raises(ValueError, match=r"theta has shape \(31,\)"):
        ref.relate("hessian", "kfac", objective, theta[1:])
    with pytest.raises(TypeError, match="cast it to float64"):
        ref.relate("hessian", "gauss-newton", objective.to("longdouble"),
                   theta.astype("longdouble"))
    huber = replace(objective, loss=ref.Huber())
    with pytest.raises(ValueError, match="has no Fisher matrix"):
        ref.relate("fisher", "gauss-newton", huber, theta)
    assert ref.relate("kflr", "gauss-newton", huber, theta).warnings == ()


def test_blocks_of_a_whole_matrix_are_cut_out_and_lists_are_kept():
    layout, M = case("tanh")[0].net.layout, np.arange(32.0 ** 2).reshape(32, 32)
    for s, block in zip(layout.slices, blocks_of(M, layout), strict=True):
        assert (block == M[s, s]).all()
    assert blocks_of([M], layout) == [M]


def test_a_matrix_that_is_zero_to_rounding_is_called_so_and_no_distance_is_claimed():
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(3, 4), ref.Tanh(), ref.Dense(4, 3))
    objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((12, 3)),
                              np.arange(12) % 3, weights=np.r_[1.0, np.zeros(11)])
    r = ref.relate("fisher", "centred fisher", objective, net.initial(rng))
    assert r.whole == np.inf and set(r.blocks.values()) == {np.inf} and not r.equal
    assert str(r).count("zero to rounding") == 3 and r.warnings == ()
    dead = np.zeros(net.layout.size)                            # no block of the first layer
    r = ref.relate("kfra", "gauss-newton", objective, dead)
    assert r.blocks["0.weight"] == 0 and not any("0.weight" in text for text in r.warnings)
