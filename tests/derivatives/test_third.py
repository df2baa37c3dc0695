"""Third derivatives: by every route, against closed forms, differences in longdouble and balls."""

from itertools import permutations

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.derivatives.third import _polarised
from reference.derivatives.routes import ROUTES, offering
from reference.problems.layers import LAYERS
from tests.curvature import brute
from tests.derivatives.cases import directions, distance, small, weighted, wide

EXACT = [name for name in offering("third") if ROUTES[name].exact]


def error(route):
    return 4 * ROUTES[route].error(eps(float))       # a derivative more than they are stated for


def three(theta, seed=2):
    return directions(theta, 3, seed)


def test_every_route_of_another_kind_offers_it():
    assert list(offering("third")) == ["dual", "complex step", "autograd", "central difference"]


# ---- closed forms ----

def monomials(a, b, x, y):
    """L = (a b x - y)^2/2."""
    net = ref.Sequential(ref.Dense(1, 1, bias=False), ref.Dense(1, 1, bias=False))
    objective = ref.Objective(net, ref.SquaredError(), np.array([[x]]), np.array([[y]]))
    return objective, np.array([a, b])


@pytest.mark.parametrize("route", offering("third"))
def test_a_product_of_two_weights_has_the_third_derivatives_of_its_monomials(route):
    a, b, x, y = 0.7, -1.3, 1.9, 0.4
    objective, theta = monomials(a, b, x, y)
    u, v, _ = three(theta)
    aab, abb = 2 * b * x * x, 2 * a * x * x                   # the others, aaa and bbb, are 0
    mixed = u[0] * v[1] + u[1] * v[0]
    truth = np.array([aab * mixed + abb * u[1] * v[1], aab * u[0] * v[0] + abb * mixed])
    assert distance(ref.third(objective, theta, u, v, route=route), truth) <= error(route)


@pytest.mark.parametrize("route", EXACT)
def test_a_quadratic_has_none(route):
    rng, net = np.random.default_rng(0), ref.Sequential(ref.Dense(3, 2))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((5, 3)),
                              rng.standard_normal((5, 2)), l2=0.7)
    theta = rng.standard_normal(8)
    u, v, w = three(theta)
    assert not ref.third(objective, theta, u, v, route=route).any()
    assert ref.third(objective, theta, u, v, w, route="Taylor series") == 0


def test_the_exponential_of_one_weight():
    """Poisson: L = exp(a x) - a x y, so D^3 L = x^3 exp(a x) u v w."""
    net = ref.Sequential(ref.Dense(1, 1, bias=False))
    objective = ref.Objective(net, ref.Poisson(), np.array([[1.5]]), np.array([[2.0]]))
    a, u, v, w = (np.array([number]) for number in (0.3, 0.7, -1.1, 2.3))
    truth = 1.5 ** 3 * np.exp(0.45) * 0.7 * -1.1 * 2.3
    for route in [*EXACT, "Taylor series"]:
        assert distance(ref.third(objective, a, u, v, w, route=route), truth) <= 45 * eps(float)


# ---- routes against each other, and against differences ----

def differences(objective, theta, u, v):
    """How H v changes along u, H v being how the gradient changes along v."""
    def Hv(t):
        return sum(c * objective.grad(t + k * step * v) for k, c in WEIGHTS.items()) / step
    step = np.longdouble(2.0 ** -7)
    return sum(c * Hv(theta + k * step * u) for k, c in WEIGHTS.items()) / step


WEIGHTS = {k: s * np.longdouble(c) / 2520 for c, at in
           ((2100, 1), (-600, 2), (150, 3), (-25, 4), (2, 5)) for k, s in ((at, 1), (-at, -1))}


@pytest.mark.parametrize("net", brute.NETS)
def test_it_is_the_difference_of_differences_of_the_gradient(net):
    """Ten points in longdouble: rounding of eps/h^2 = 1e-15, truncation of the order of h^10."""
    objective, theta = brute.NETS[net]()
    u, v = directions(theta)
    u, v = u / np.sqrt(u @ u), v / np.sqrt(v @ v)
    truth = differences(*wide(objective, theta, u, v))
    for route in offering("third"):
        found = ref.third(objective, theta, u, v, route=route)
        assert distance(found, truth) <= max(1e-13, error(route))
        assert distance(found, differences(*wide(objective, theta, u, u))) > 0.1


@pytest.mark.parametrize("case", LAYERS)
def test_dual_numbers_and_the_complex_step_agree_on_every_layer(case):
    objective, theta = LAYERS[case](np.random.default_rng(0))
    u, v = directions(theta)
    one, other = (ref.third(objective, theta, u, v, route=r) for r in ("dual", "complex step"))
    assert distance(one, other) <= error("dual")


@pytest.mark.parametrize("route", [*EXACT, "Taylor series"])
def test_it_is_symmetric(route):
    objective, theta = weighted()
    d = three(theta)
    numbers = [ref.third(objective, theta, *d[list(order)], route=route)
               for order in permutations(range(3))]
    assert distance(numbers, [numbers[0]] * 6) <= error("dual")
    assert distance(ref.third(objective, theta, d[0], d[0], d[1], route=route), numbers[0]) > 0.1


def test_on_the_diagonal_it_is_six_times_taylors_third_coefficient():
    objective, theta = weighted("GELU", "Gaussian")
    v = three(theta)[0]
    truth = 6 * ref.taylor(objective, theta, v, 3).coefficients[3]
    for route in [*EXACT, "Taylor series"]:
        assert distance(ref.third(objective, theta, v, v, v, route=route), truth) <= error("dual")


@pytest.mark.parametrize("route", [*EXACT, "Taylor series"])
def test_weight_decay_does_not_enter(route):
    d = three(small()[1])
    plain, decayed = (ref.third(*small(l2=l2), *d, route=route) for l2 in (0.0, 10.0))
    assert distance(decayed, plain) <= error("dual")


@pytest.mark.parametrize("route", offering("third"))
def test_many_directions_are_each_by_itself(route):
    objective, theta = small()
    u, V = three(theta)[0], directions(theta, 70, seed=3)            # beyond one pass
    together = ref.third(objective, theta, u, V, route=route)
    for k in (0, 69):
        alone = ref.third(objective, theta, u, V[k], route=route)
        assert distance(together[k], alone) <= error(route)


@pytest.mark.parametrize("route", ["dual", "Taylor series"])
def test_w_contracts_row_by_row(route):
    objective, theta = small()
    (u, v, w), V, W = three(theta), directions(theta, 4, 3), directions(theta, 4, 4)
    for a, b in ((V, w), (v, W), (V, W)):
        rows = zip(*np.broadcast_arrays(a, b))
        truth = [ref.third(objective, theta, u, *row) for row in rows]
        assert distance(ref.third(objective, theta, u, a, b, route=route), truth) <= error("dual")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_precision_is_kept(dtype):
    objective, theta = small()
    d = [a.astype(dtype) for a in three(theta)[:2]]
    found = ref.third(objective.to(dtype), theta.astype(dtype), *d)
    truth = ref.third(*wide(objective.to(dtype), theta.astype(dtype), *d))
    assert found.dtype == dtype and distance(found, truth) <= 45 * eps(dtype)


@pytest.mark.parametrize("route", EXACT)
def test_the_widest_of_theta_and_directions_is_kept(route):
    """Of float32 data, theta in float32 and directions in float64, and the other way round."""
    objective, theta = small()
    objective, (u, v) = objective.to(np.float32), three(theta)[:2]
    narrow = theta.astype(np.float32)
    truth = ref.third(*wide(objective, narrow, u, v))
    found = ref.third(objective, narrow, u, v, route=route)
    assert found.dtype == float and distance(found, truth) <= error(route)


def test_the_series_is_rounded_once():
    """Four terms that cancel, in balls: not one bit changes with four times the precision."""
    objective, theta = weighted()
    for seed in range(4):
        d = three(theta, seed)
        found = ref.third(objective, theta, *d, route="Taylor series")
        assert found == _polarised(objective, theta, *d, bits=512)


@pytest.mark.parametrize("net", ["dense", "recurrent"])
def test_balls_prove_it(net):
    objective, theta = brute.NETS[net]()
    u, v = directions(theta)
    assert ref.certify(ref.third, objective, theta, u, v).digits >= 13.5


# ---- bad input ----

def test_what_it_cannot_do_is_refused_in_words():
    objective, theta = small()
    u, v, w = three(theta)
    for given, options, words in [
            ((u[None], v), {}, r"u is one direction \(P,\), v may be several"),
            ((u, v[:-1]), {}, r"v has shape \(33,\) and theta \(34,\)"),
            ((u, v, w[None, None]), {}, r"w has shape \(1, 1, 34\)"),
            ((u, np.stack([v, v]), np.stack([w, w, w])), {}, "they go together row by row"),
            ((u, v), {"route": "Taylor series"}, "gives numbers, not vectors: pass w"),
            ((u, v), {"route": "backprop"}, "no route 'backprop' to third; choose one of dual, co"),
            ((u, v.astype(int)), {}, "v holds int64")]:
        with pytest.raises(ValueError, match=words):
            ref.third(objective, theta, *given, **options)
    with pytest.raises(ValueError, match="u has 34 entries that are not finite"):
        ref.third(objective, theta, np.nan * u, v, w, route="Taylor series")


def test_directions_that_are_not_finite_are_refused():
    objective, theta = small()
    for place in range(3):
        d = list(three(theta))
        d[place] = d[place] * np.nan
        with pytest.raises(ValueError, match=f"{'uvw'[place]} has .* not finite"):
            ref.third(objective, theta, *d)
