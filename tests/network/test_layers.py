"""Every layer, in a small network: all routes, matrices, factors and proofs, without exception."""

from functools import cache

import numpy as np
import pytest

import reference as ref
from reference.derivatives.directions import along_axes
from reference.derivatives.routes import ROUTES, offering
from reference.oracle import layer_table
from reference.oracle.layer_table import (autograd_gradient, autograd_jacobian, direction,
                                          kron_by_loops)
from reference.problems.layers import LAYERS

CLOSE = 1e-12                          # some thousand roundings, of which these nets need ten
each_case = pytest.mark.parametrize("case", LAYERS)
each_lead = pytest.mark.parametrize("lead", [(3,), (2, 3)], ids=str)


@cache
def problem(case):
    """The objective and theta, read-only: no route writes to its input."""
    objective, theta = layer_table.problem(case)
    theta.setflags(write=False)
    return objective, theta


@cache
def hessian(case):
    """H (P, P) by dual numbers."""
    return ref.columns(ref.hessian(*problem(case)))


def near(a, b, bound=CLOSE):
    """max |a - b| <= bound max |b|."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and np.abs(a - b).max() <= bound * np.abs(b).max()


def agree(case, quantity, *v):
    """The first exact route's answer, after all others, and differences, have been compared."""
    objective, theta = problem(case)
    first, *others = offering(quantity)
    answer = offering(quantity)[first](objective, theta, *v)
    for route in others:
        if ROUTES[route].exact:
            assert near(offering(quantity)[route](objective, theta, *v), answer), route
    differences = offering(quantity)["central difference"](objective, theta, *v)
    assert near(differences, answer, ROUTES["central difference"].error(np.finfo(float).eps))
    return answer


def alone(objective):
    """Batches of one."""
    return [objective.batch(slice(n, n + 1)) for n in range(objective.N)]


# ---- derivatives ----

@each_case
def test_all_routes_agree_on_the_gradient(case):
    assert np.abs(agree(case, "gradient")).max() > 1e-3


@each_case
def test_all_routes_agree_on_hessian_vector_products(case):
    agree(case, "hvp", direction(problem(case)[1]))


@each_case
def test_all_routes_agree_on_products_with_the_jacobian_and_its_transpose(case):
    objective, theta = problem(case)
    v = direction(theta)
    Jv = agree(case, "jvp", v)
    u = np.random.default_rng(1).standard_normal(Jv.shape)
    assert abs((ref.vjp(objective, theta, u) @ v - (u * Jv).sum())) <= CLOSE * np.abs(u * Jv).sum()


@each_case
def test_the_hessian_is_symmetric_to_rounding_and_assembled_as_its_products(case):
    objective, theta = problem(case)
    H = hessian(case)
    assert near(H, H.T, 1e-13)
    assert near(ref.dense(ref.hessian(objective, theta)), H)


@each_case
def test_gauss_newton_is_the_sandwich_of_every_exact_jacobian(case):
    objective, theta = problem(case)
    B, v = ref.gauss_newton(objective, theta), direction(theta)
    C = objective.output_shape[-1]
    S = objective.output_hessian(objective.outputs(theta)).reshape(-1, C, C)
    for route, jvp in offering("jvp").items():
        if ROUTES[route].exact:
            columns = along_axes(lambda E: jvp(objective, theta, E), theta)       # (P, N, ..., C)
            J = columns.reshape(theta.size, -1, C)
            dense = np.einsum("pnc,ncd,qnd->pq", J, S, J, optimize=True)
            assert near(B @ v, dense @ v), route
    assert near(ref.dense(B), dense)
    assert np.linalg.eigvalsh(dense)[0] > -1e-13 * np.abs(dense).max()


@each_lead
@each_case
def test_leading_axes_of_theta_are_a_loop_over_thetas(case, lead):
    objective, theta = problem(case)
    thetas = theta + 1e-3 * np.random.default_rng(2).standard_normal((*lead, theta.size))
    rows = thetas.reshape(-1, theta.size)
    for function in (objective.value, objective.grad, objective.outputs):
        loop = np.array([function(row) for row in rows])
        assert near(function(thetas), loop.reshape(lead + loop.shape[1:]))


@each_case
def test_directions_at_once_are_a_loop_over_directions(case):
    objective, theta = problem(case)
    V = np.random.default_rng(3).standard_normal((3, theta.size))
    for product in (ref.hvp, ref.jvp):
        assert near(product(objective, theta, V), [product(objective, theta, v) for v in V])


# ---- proofs ----

@each_case
def test_balls_certify_the_gradient_and_hessian_vector_products(case):
    objective, theta = problem(case)
    assert ref.certify(ref.gradient, objective, theta).radius < CLOSE
    assert ref.certify(ref.hvp, objective, theta, direction(theta)).digits > 12


@each_case
def test_balls_certify_the_whole_hessian(case):
    assert ref.certify(ref.hessian, *problem(case)).digits > 13


# ---- one example at a time ----

def refusal(quantity, case):
    """The word in which a quantity is refused, or None; that it is due is tested below."""
    try:
        quantity(*problem(case))
    except (TypeError, ValueError) as error:
        return next(word for word in layer_table.REFUSALS if word in str(error))


UNTOLD = {case: refusal(ref.per_example_gradients, case) for case in LAYERS}
UNFACTORED = {case: refusal(ref.kfac, case) for case in LAYERS}
COUPLED = [case for case in LAYERS if problem(case)[0].net.couples]
each_coupled = pytest.mark.parametrize("case", COUPLED)
each_told = pytest.mark.parametrize("case", [case for case, word in UNTOLD.items() if not word])
each_factored = pytest.mark.parametrize("case", [c for c, word in UNFACTORED.items() if not word])


@each_coupled
def test_nets_that_couple_the_examples_refuse_what_is_one_examples_alone(case):
    for quantity in (ref.per_example_gradients, ref.jacobian, ref.kfac):
        with pytest.raises(ValueError, match="couples the examples"):
            quantity(*problem(case))


@each_coupled
def test_the_outputs_of_nets_that_couple_the_examples_are_not_those_of_smaller_batches(case):
    """So the refusal is due."""
    objective, theta = problem(case)
    halves = [objective.batch(slice(0, 2)), objective.batch(slice(2, None))]
    joined = np.concatenate([half.outputs(theta) for half in halves])
    assert not near(objective.outputs(theta), joined, 1e-3)


def test_every_refusal_has_its_reason():
    """Coupled examples, a layer that tells only sums, or a matrix used transposed."""
    for case in LAYERS:
        layers = repr(problem(case)[0].net)
        assert (UNTOLD[case] == "couples") == (UNFACTORED[case] == "couples") == (case in COUPLED)
        assert UNFACTORED[case] != "transposed" or "Unembedding" in layers
        assert UNTOLD[case] != "transposed"


@each_told
def test_gradients_and_jacobians_of_examples_are_those_of_batches_of_one_by_autograd(case):
    objective, theta = problem(case)
    gradients = [autograd_gradient(one, theta) for one in alone(objective)]
    assert near(ref.per_example_gradients(objective, theta), gradients)
    J = np.concatenate([autograd_jacobian(one, theta) for one in alone(objective)])
    assert near(ref.jacobian(objective, theta), J)


@pytest.mark.parametrize("setting", ["expand", "reduce"])
@each_factored
def test_kronecker_factors_are_loops_over_examples_and_places_and_semidefinite(case, setting):
    objective, theta = problem(case)
    krons = ref.kfac(objective, theta, setting=setting)
    assert len(krons) == len(objective.net.layout.shapes)
    for kron, loops in zip(krons, kron_by_loops(objective, theta, setting)):
        groups = getattr(kron, "blocks", [kron])
        assert len(groups) == len(loops)
        for one, (G, A) in zip(groups, loops):
            assert near(one.G, G) and near(one.A, A)
            for factor in (one.G, one.A):
                assert np.linalg.eigvalsh(factor)[0] >= -1e-13 * np.abs(factor).max()


def exact_blocks(case):
    """Of the first example alone: which matrices meet one patch and one label, in one group."""
    objective, theta = problem(case)
    one = objective.batch(slice(0, 1))
    xs = one.net.forward(theta, one.x)
    uses = one.net.backward(theta, xs, np.zeros_like(xs[-1]))[0]
    groups = [use.pairs() for use in uses]
    return [xs[-1].ndim == 2 and len(pairs) == 1 and pairs[0][0].shape[-2] == 1
            for pairs in groups]


@pytest.mark.parametrize("case", [c for c, word in UNFACTORED.items()
                                  if not word and any(exact_blocks(c))])
def test_kronecker_factors_of_one_example_at_one_place_are_the_block_of_the_fisher(case):
    """Then nothing is approximated [MG15]."""
    objective, theta = problem(case)
    one = objective.batch(slice(0, 1))
    blocks = ref.blocks(ref.fisher(one, theta), one.net.layout)
    for kron, block, exact in zip(ref.kfac(one, theta), blocks, exact_blocks(case)):
        assert not exact or near(np.kron(kron.G, kron.A), block)


def test_a_language_model_without_two_of_its_labels_is_among_them():
    objective, _ = problem("Language model, labels ignored")
    assert (objective.y == -1).sum() == 2 and objective.R == objective.y.size - 2


# ---- names ----

@each_case
def test_from_named_inverts_named(case):
    objective, theta = problem(case)
    net = objective.net
    named = net.named(theta)
    assert np.array_equal(net.from_named(named), theta)
    assert {name: array.shape for name, array in named.items()} == {
        name: index.shape for name, index in net.entries().items()}
    assert set(np.concatenate([i.ravel() for i in net.entries().values()])) == set(
        range(theta.size))
    assert net.initial(np.random.default_rng(0)).shape == theta.shape
