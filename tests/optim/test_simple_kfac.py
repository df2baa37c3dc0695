"""The K-FAC of K-BFGS's code against a script of its steps, and what both average."""

import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.optim.factored import blended
from tests.derivatives.cases import LOSSES, distance, make
from tests.optim import by_hand
from tests.optim.test_kfac import TOLERANCE, batches, data


@pytest.mark.parametrize("every", [20, 9])                    # 20 divides the last of the early
@pytest.mark.parametrize("flaw", [None, "always inverted"])
def test_the_baseline_is_its_script_beyond_the_steps_that_all_invert(flaw, every):
    objective, theta = data()
    optimizer = ref.SimpleKFAC(0.5, 0.3, inverse_every=every)
    found, _ = ref.run(optimizer, batches(objective), theta, 24)
    truth = by_hand.simple_kfac(objective, batches(objective), theta, 24, 0.5, 0.3, every, flaw)
    off = distance(found, truth)
    assert off <= TOLERANCE if flaw is None else off > 1e4 * TOLERANCE


def factors_of(K):
    """All arrays within."""
    if isinstance(K, (list, tuple)):
        return [a for each in K for a in factors_of(each)]
    inner = [getattr(K, name) for name in ("krons", "beside", "blocks") if hasattr(K, name)]
    return factors_of(inner) if inner else [K.G, K.A]


@pytest.mark.parametrize("net", ["diagonal", "tridiagonal", "groups"])
def test_every_factor_is_averaged_those_beside_the_diagonal_and_of_groups_too(net):
    layers = ref.Dense(5, 3), *[ref.LayerNorm(3)] * (net == "groups"), ref.Tanh(), ref.Dense(3, 4)
    objective, theta = make(layers, LOSSES["CrossEntropy"])
    make_factors = ref.kfac_tridiagonal if net == "tridiagonal" else ref.kfac
    past, now = (make_factors(objective, t) for t in (theta, 0.5 * theta))
    three = [factors_of(F) for F in (blended(past, now, 0.3), past, now)]
    assert len(three[0]) == {"diagonal": 4, "tridiagonal": 6, "groups": 10}[net]
    for mean, a, b in zip(*three):
        assert distance(mean, 0.3 * a + 0.7 * b) <= 45 * eps(float)
    assert any(distance(a, b) > 1e-3 for a, b in zip(*three[1:]))
