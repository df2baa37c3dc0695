"""Solutions against SciPy's dense solver; what has no solution to be trusted is refused."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
from scipy.linalg import block_diag
from scipy.sparse.linalg import aslinearoperator

import reference as ref
from reference import Kron, KronBlocks, solve
from reference.arrays import ball
from reference.arrays.precision import eps
from reference.problems.layers import LAYERS
from tests.curvature.brute import NETS, distance
from tests.curvature.test_damping import DAMPED
from tests.curvature.test_kron import kron, positive

LAM = 0.1
RULES = ("identity", "marquardt")
each_rule = pytest.mark.parametrize("rule", RULES)
each_net = pytest.mark.parametrize("name", NETS)


def damped(B, rule, lam=LAM):
    return B + lam * (np.eye(len(B)) if rule == "identity" else np.diag(np.diag(B)))


def right_sides(P, K=3):
    return np.random.default_rng(0).standard_normal((K, P))


def vectors(B, rule, b, x, lam=LAM):
    """The residual of every row beside |B + lam D| |x|: backward stable is some eps."""
    A = damped(B, rule, lam)
    r = b - x @ A
    return np.abs(r).max() / (np.abs(A).sum(0).max() * np.abs(x).max())


# ---- with entries ----

@each_rule
@each_net
def test_dense_solutions_are_scipys_and_leave_no_residual(name, rule):
    B = ref.dense(ref.fisher(*NETS[name]()))
    b, A = right_sides(len(B)), damped(B, rule)
    x, truth = solve(B, b, LAM, rule), scipy.linalg.solve(A, b.T).T
    d = np.sqrt(np.diag(A))
    condition = np.linalg.cond(A / d / d[:, None])
    assert x.shape == b.shape and vectors(B, rule, b, x) <= 45 * eps(float)
    assert distance(d * x, d * truth) <= 45 * eps(float) * condition          # in units of diag(A)
    assert np.array_equal(solve(B, b[0], LAM, rule), solve(B, b[:1], LAM, rule)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@each_rule
def test_dense_solutions_keep_the_precision(rule, dtype):
    B, b = positive(7, 1).astype(dtype), right_sides(7).astype(dtype)
    x = solve(B, b, 0.25, rule)
    assert x.dtype == dtype and vectors(B, rule, b, x, dtype(0.25)) <= 45 * eps(dtype)
    wide = solve(B.astype(np.float64), b.astype(np.longdouble), 0.25, rule)
    assert wide.dtype == np.longdouble
    assert vectors(B.astype(np.longdouble), rule, b, wide, 0.25) <= 45 * eps(np.longdouble)


@each_rule
def test_balls_enclose_the_solution_and_complex_numbers_have_their_own(rule):
    B, b = positive(5, 1), right_sides(5)
    with ball.precision(200):
        x = solve(ball.exact(B), ball.exact(b), 0.25, rule)
        mixed = solve(B, ball.exact(b[0]), 0.25, rule)
        assert ball.radius(x).max() < 1e-50 and ball.radius(mixed).max() < 1e-50
        assert ball.distance(x, solve(B, b, 0.25, rule)).max() <= 1e-14 * np.linalg.cond(B)
    E = positive(5, 2)
    step = solve(B + 1e-20j * E, b, 0.25, rule).imag / 1e-20          # -A^-1 dA A^-1 b
    dA = E if rule == "identity" else damped(E, rule, 0.25)
    truth = -solve(B, solve(B, b, 0.25, rule) @ dA, 0.25, rule)
    assert distance(step, truth) <= 45 * eps(float) * np.linalg.cond(B)


def test_marquardt_does_not_mind_units():
    """Parameters in units that differ by 1e16: the same solution in other units."""
    B, b, units = positive(6, 1), right_sides(6), 10.0 ** np.array([-8, -3, 0, 2, 5, 8])
    x = solve(units[:, None] * B * units, units * b, LAM, "marquardt")
    assert distance(units * x, solve(B, b, LAM, "marquardt")) <= 1e-13
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite to working precision"):
        solve(units[:, None] * B * units, units * b)


# ---- blocks ----

@pytest.mark.parametrize("rule", [*sorted(set(DAMPED) - {"shifts", "exact"}), "identity", "shifts"])
@pytest.mark.parametrize("name", ["dense", "recurrent"])
def test_layers_of_kfac_are_solved_by_every_rule(name, rule):
    krons, b = ref.kfac(*NETS[name]()), right_sides(NETS[name]()[1].size)
    matrix = DAMPED["exact" if rule == "identity" else rule]
    A = block_diag(*(matrix(K, LAM) for K in krons))
    x = solve(krons, b, (0.3 * LAM, 2 * LAM) if rule == "shifts" else LAM, rule)
    d = np.sqrt(np.diag(A))
    condition = np.linalg.cond(A / d / d[:, None])
    assert distance(d * x, d * scipy.linalg.solve(A, b.T).T) <= 1e3 * eps(float) * condition
    assert x.shape == b.shape


def test_one_product_groups_of_rows_eigenbases_and_arrays_mix():
    K, E = kron(), kron().eigen()
    groups = KronBlocks(tuple(Kron(positive(O, O), positive(5, 6)) for O in (2, 1)))
    B, parts = positive(4, 7), [K, E, groups]
    A = block_diag(*(part.dense() for part in parts), B)
    b = right_sides(len(A))
    truth = scipy.linalg.solve(A + LAM * np.eye(len(A)), b.T).T
    bound = 45 * eps(float) * np.linalg.cond(A + LAM * np.eye(len(A)))
    assert distance(solve([*parts, B], b, LAM), truth) <= bound
    assert distance(solve(K, b[:, :15], LAM), truth[:, :15]) <= bound
    assert distance(solve((K,), b[0, :15], LAM), truth[0, :15]) <= bound
    with pytest.raises(ValueError, match="no factors to damp by 'pi'"):
        solve([E], b[:, :15], LAM, "pi")
    with pytest.raises(ValueError, match="rule must be one of identity, marquardt, got 'pi'; Kron"):
        solve([K, B], b[:, :19], LAM, "pi")


@pytest.mark.parametrize("name", ["Tied", "GroupNorm", "Conv2d, depthwise", "LSTM",
                                  "TransformerEncoder"])
def test_every_kind_of_layer_has_its_place_in_the_vector(name):
    krons = ref.kfac(*LAYERS[name](np.random.default_rng(0)))
    A = block_diag(*(K.dense() for K in krons))
    b = right_sides(len(A))
    assert vectors(A, "identity", b, solve(krons, b, LAM)) <= 45 * eps(float)


@each_rule
def test_blocks_are_solved_one_by_one(rule):
    objective, theta = NETS["deep"]()
    parts = ref.blocks(ref.gauss_newton(objective, theta), objective.net.layout)
    b = right_sides(theta.size)
    x = solve(parts, b, LAM, rule)
    assert vectors(block_diag(*parts), rule, b, x) <= 45 * eps(float)


@each_rule
@pytest.mark.parametrize("groups", ["weights and biases", "whole", [[2, 0], [1]]], ids=str)
def test_blocks_of_any_partition_are_solved_where_their_places_are(groups, rule):
    objective, theta = NETS["deep"]()
    parts = ref.partition(objective.net, groups)
    B = ref.block_diagonal(ref.fisher(objective, theta), parts)
    b = right_sides(theta.size)
    x = solve(B, b, LAM, rule)
    assert vectors(ref.dense(B), rule, b, x) <= 45 * eps(float)
    assert np.array_equal(solve(B, b[0], LAM, rule), solve(B, b[:1], LAM, rule)[0])
    again = solve(B, b, LAM, rule, "cg", tol=1e-12)
    assert distance(again, x) <= 1e-11 * np.linalg.cond(damped(ref.dense(B), rule))
    with pytest.raises(ValueError, match=r"b has shape \(3,\), but B acts on vectors \(108,\)"):
        solve(B, np.ones(3), LAM)


# ---- by products ----

@pytest.mark.parametrize("method", ["cg", "minres"])
@each_rule
@each_net
def test_operators_are_solved_to_the_tolerance(name, rule, method):
    F = ref.fisher(*NETS[name]())
    B, b = ref.dense(F), right_sides(F.shape[0], 2)
    x = solve(F, b, LAM, rule, method, tol=1e-11)
    residual = np.linalg.norm(b - x @ damped(B, rule), axis=-1) / np.linalg.norm(b, axis=-1)
    assert x.shape == b.shape and residual.max() <= 1e-10
    smallest = np.linalg.eigvalsh(damped(B, rule))[0]
    truth = scipy.linalg.solve(damped(B, rule), b.T).T
    assert np.linalg.norm(x - truth, axis=-1).max() <= 1e-10 / smallest * np.linalg.norm(b)
    if method == "cg":
        assert np.array_equal(solve(F, b[0], LAM, rule, tol=1e-11), x[0])        # the default


@each_rule
def test_an_indefinite_hessian_is_solved_by_minres_and_refused_by_cg(rule):
    H = ref.hessian(*NETS["dense"]())
    B, b = ref.dense(H), right_sides(H.shape[0])
    x = solve(H, b, LAM, rule, "minres", tol=1e-11)
    truth = scipy.linalg.solve(damped(B, rule), b.T).T
    least = np.abs(np.linalg.eigvalsh(damped(B, rule))).min()
    assert np.linalg.eigvalsh(damped(B, rule))[0] < 0
    assert np.linalg.norm(x - truth, axis=-1).max() <= 1e-10 / least * np.linalg.norm(b)
    assert distance(solve(B, b, LAM, rule, "minres", tol=1e-11), x) <= 1e-9 / least
    with pytest.raises(np.linalg.LinAlgError, match=r"curvature -.*more damping, or method='min"):
        solve(H, b, LAM, rule)


def test_scipys_solvers_take_our_operators_to_the_same_solution():
    objective, theta = NETS["recurrent"]()
    F, b = ref.fisher(objective, theta), right_sides(theta.size)[0]
    A = F + LAM * aslinearoperator(np.eye(theta.size))
    for method in ("cg", "minres"):
        theirs, info = getattr(scipy.sparse.linalg, method)(A, b, rtol=1e-12, maxiter=1000)
        assert info == 0
        assert np.linalg.norm(theirs - solve(F, b, LAM, method=method, tol=1e-12)) <= (
            1e-10 / LAM * np.linalg.norm(b))


def test_operators_of_other_precision_keep_it():
    for dtype in (np.float32, np.longdouble):
        B = positive(9, 2).astype(dtype)
        b = right_sides(9)[0].astype(dtype)
        x = solve(aslinearoperator(B), b, LAM)
        assert x.dtype == dtype
        assert np.sqrt(((b - damped(B, "identity", dtype(LAM)) @ x) ** 2).sum()) <= (
            10 * eps(dtype) ** (2 / 3) * np.sqrt(b @ b))


def test_the_tolerance_is_eps_to_the_two_thirds_if_none_is_given():
    B = np.diag(np.linspace(1, 100, 200))                # CG ends far before it has all of them
    b, tol = right_sides(200)[0], eps(float) ** (2 / 3)
    x = solve(aslinearoperator(B), b)
    size = np.linalg.norm(b - B @ x) / np.linalg.norm(b)
    assert 1e-3 * tol < size <= 2 * tol                                     # and not all of eps


def test_marquardt_preconditions_cg_by_the_diagonal():
    d, b = np.linspace(1, 100, 20), right_sides(20)[0]
    x = solve(aslinearoperator(np.diag(d)), b, LAM, "marquardt", maxiter=1)
    assert distance(x, b / (d * (1 + LAM))) <= 20 * eps(float)
    with pytest.raises(np.linalg.LinAlgError, match="after 1 products"):
        solve(aslinearoperator(np.diag(d)), b, LAM, maxiter=1)


def test_a_parameter_without_curvature_is_no_division_by_zero():
    """It gets no damping by "marquardt", and no step if nothing is asked of it."""
    d, b = np.array([1.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0])
    x = solve(aslinearoperator(np.diag(d)), b, LAM, "marquardt")
    assert np.abs(x - [1 / 1.1, 0.5 / 1.1, 0]).max() <= 4 * eps(float)


# ---- what is refused ----

INDEFINITE = {
    "indefinite": np.diag([-2.0, 1.0, 3.0]), "singular": np.diag([0.0, 1.0, 2.0]),
    "negative": -np.eye(3), "zero": np.zeros((3, 3)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("name", INDEFINITE)
def test_what_is_not_definite_is_refused_with_a_damping_that_is_usable(name, dtype):
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0].astype(dtype)
    B, b = Q @ INDEFINITE[name].astype(dtype) @ Q.T, np.ones(3, dtype)
    B = (B + B.T) / 2
    with pytest.raises(np.linalg.LinAlgError, match="eigenvalues of B are from .* take") as refusal:
        solve(B, b)
    lam = float(str(refusal.value).split("damping=")[1].split(",")[0])
    assert np.isfinite(solve(B, b, lam)).all()
    if name in ("indefinite", "negative"):
        with pytest.raises(np.linalg.LinAlgError):
            solve(B, b, 0.98 * lam)                                # and not much more than needed


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_definite_to_the_last_bit_alone_is_singular(dtype):
    """Cholesky's factor exists: its last entry is sqrt(eps)."""
    B = np.ones((2, 2), dtype)
    B[1, 1] += np.finfo(dtype).eps
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite to working precision"):
        solve(B, np.ones(2, dtype))
    B[1, 1] += 100 * np.finfo(dtype).eps
    assert np.abs(B @ solve(B, np.ones(2, dtype)) - 1).max() <= 1e-1


def test_marquardt_in_units_of_the_diagonal_or_none():
    B = np.array([[1.0, 2.0], [2.0, 1.0]]) * np.outer([1, 1e3], [1, 1e3])       # units: -1 and 3
    with pytest.raises(np.linalg.LinAlgError, match=r"diag\(B\).* in units of its .*-1.00e\+00 to"):
        solve(B, np.ones(2), 0.5, "marquardt")
    assert np.isfinite(solve(B, np.ones(2), 1.1, "marquardt")).all()
    with pytest.raises(np.linalg.LinAlgError, match=r"diagonal of B has 1 .* \[1\] = -1.0e\+00"):
        solve(np.diag([1.0, -1.0]), np.ones(2), 9.0, "marquardt")


def test_an_iteration_that_does_not_arrive_says_how_far_it_came():
    F = ref.fisher(*NETS["dense"]())
    b = right_sides(31)[0]
    for method in ("cg", "minres"):
        with pytest.raises(np.linalg.LinAlgError, match=f"{method} left a residual of .* 2 prod"):
            solve(F, b, 1e-3, method=method, maxiter=2)
    singular = aslinearoperator(np.diag([0.0, 1.0, 2.0]))
    with pytest.raises(np.linalg.LinAlgError, match="outside the range of B .*, which is singular"):
        solve(singular, np.ones(3), method="minres")
    inside = np.array([0.0, 1.0, 1.0])
    assert np.allclose(solve(singular, inside, method="minres"), [0, 1, 0.5], atol=1e-9)


@pytest.mark.parametrize("bad, message", [
    (np.ones(4), r"b has shape \(4,\), but B acts on vectors \(15,\)"),
    (np.ones((15, 2)), r"b has shape \(15, 2\)"),
    (np.ones((2, 2, 15)), r"b has shape \(2, 2, 15\)"),
    (np.full(15, np.nan), "b has 15 entries that are not finite"),
    (np.ones(15, int), "b holds int"),
    (np.ones((0, 15)), r"b has shape \(0, 15\): there is nothing"),
], ids=["short", "columns", "three axes", "nan", "integers", "empty"])
def test_right_hand_sides_that_do_not_fit_are_refused(bad, message):
    B = kron().dense()
    for operator in (B, aslinearoperator(B), kron(), [kron()], [B]):
        with pytest.raises(ValueError, match=message):
            solve(operator, bad, LAM)


def test_bad_arguments_are_refused():
    B, b = positive(3, 1), np.ones(3)
    with pytest.raises(ValueError, match="B is not symmetric"):
        solve(np.triu(B), b)
    with pytest.raises(ValueError, match="a square matrix is needed"):
        solve(B[:2], b)
    for operator in (B, aslinearoperator(B)):
        with pytest.raises(ValueError, match="rule must be one of identity, marquardt, got 'pi'"):
            solve(operator, b, LAM, "pi")
        with pytest.raises(ValueError, match="method must be one of cg, minres, got 'lu'"):
            solve(operator, b, LAM, method="lu")
        for damping in (-1, np.nan, (1, 2), None):
            with pytest.raises(ValueError, match="damping must be a number, finite and not"):
                solve(operator, b, damping)
    for operator in (B.tolist(), "matrix", None, 3):
        with pytest.raises((TypeError, ValueError)):
            solve(operator, b)
    with pytest.raises(ValueError, match=r"B has shape \(2, 3\); a square matrix is needed"):
        solve(aslinearoperator(B[:2]), b)
    with pytest.raises(TypeError, match="b is a list"):
        solve(B, [1.0, 2.0, 3.0])
    for limits, message in (({"tol": 0}, "tol must be a positive number, got 0"),
                            ({"tol": np.nan}, "tol must be"), ({"tol": "x"}, "tol must be"),
                            ({"maxiter": 0}, "maxiter must be a whole number of at least 1"),
                            ({"maxiter": 2.5}, "maxiter must be")):
        with pytest.raises(ValueError, match=message):
            solve(aslinearoperator(B), b, **limits)
    F = ref.fisher(NETS["dense"]()[0], ball.exact(NETS["dense"]()[1]))
    for operator in (F, aslinearoperator(np.eye(31) + 0j)):
        with pytest.raises(TypeError, match="iterations need real floats; solve with dense"):
            solve(operator, np.ones(31))
    with pytest.raises(ValueError, match="blocks are solved one by one.*leave it out"):
        solve([B], b, method="cg")


def nearly_singular(n=45):
    """L L^T of a unit lower L whose inverse grows like 1.85^n, in longdouble."""
    below = np.tril(np.random.default_rng(0).uniform(0.7, 1, (n, n)), -1)
    L = (np.eye(n) - below).astype(np.longdouble)
    return (L @ L.T + (L @ L.T).T) / 2


def test_longdouble_is_refused_by_its_condition_and_not_by_its_pivots():
    """All pivots are 1, and the condition is about 1e24; of 20 rows it is about 1e10."""
    B = nearly_singular()
    for function in (lambda: solve(B, np.ones(45, np.longdouble)), lambda: Kron(B, B).inv()):
        with pytest.raises(np.linalg.LinAlgError):
            function()
    B, b = nearly_singular(20), np.ones(20, np.longdouble)
    assert vectors(B, "identity", b, solve(B, b), 0) <= 45 * eps(np.longdouble)


@pytest.mark.parametrize("method", ["cg", "minres"])
@pytest.mark.parametrize("dtype, scale", [(np.float32, 1e-22), (np.float32, 1e25),
                                          (float, 1e-160), (float, 1e200)])
def test_right_sides_whose_squares_vanish_or_overflow_are_solved_as_well(method, dtype, scale):
    B, b = positive(9, 2).astype(dtype), right_sides(9)[0].astype(dtype)
    scale = dtype(2.0 ** np.round(np.log2(scale)))
    x = solve(aslinearoperator(B), scale * b, LAM, method=method)
    assert np.array_equal(x, scale * solve(aslinearoperator(B), b, LAM, method=method))
    with pytest.raises(np.linalg.LinAlgError, match="CG met .* curvature -9.00e-01"):
        solve(aslinearoperator(-np.eye(9, dtype=dtype)), scale * b, LAM)


def test_solutions_are_as_good_as_their_numbers_and_a_wide_damping_widens_nothing():
    B, b = positive(9, 2), right_sides(9)[0].astype(np.float32)
    x = solve(aslinearoperator(B), b, LAM)
    assert x.dtype == float and np.linalg.norm(b - damped(B, "identity") @ x) <= (
        10 * eps(float) ** (2 / 3) * np.linalg.norm(b))
    lam = np.longdouble(LAM)
    for operator in (B, aslinearoperator(B), Kron(B, np.eye(1)), [B]):
        for rule in RULES:
            assert np.array_equal(solve(operator, b, lam, rule), solve(operator, b, LAM, rule))
            assert solve(operator, b, lam, rule).dtype == float


def test_limits_are_looked_at_by_every_way():
    B = positive(3, 1)
    for operator in (B, [B], Kron(B, np.eye(1)), aslinearoperator(B)):
        with pytest.raises(ValueError, match="tol must be a positive number, got -1"):
            solve(operator, np.ones(3), LAM, tol=-1)
        with pytest.raises(ValueError, match="maxiter must be a whole number of at least 1"):
            solve(operator, np.ones(3), LAM, maxiter=-3)
