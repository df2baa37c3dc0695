"""`check` passes over what is right and fails over every planted fault, naming the quantity."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from reference.oracle import check as oracle
from reference.oracle.quantities import QUANTITIES

SMALL = "pooled digits"


def rows(quantity, problem=SMALL):
    return oracle.rows_of((problem, quantity, 0))


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_route_to_every_quantity_passes_on_the_small_digits(quantity):
    for row in rows(quantity):
        assert row.passed, row


@pytest.mark.parametrize("problem", ["convolved digits", "digits row by row"])
@pytest.mark.parametrize("quantity", ["gradient", "per_example_gradients", "jacobian", "hvp",
                                      "fisher_mc", "kfac", "kfac_reduce", "kbfgs"])
def test_every_route_passes_where_places_share_weights(problem, quantity):
    for row in rows(quantity, problem=problem):
        assert row.passed, row


def test_a_quantity_has_rows_where_it_is_defined_and_no_others():
    assert rows("positive_curvature", problem="convolved digits")
    assert rows("positive_curvature", problem="digits row by row") == []
    assert rows("kfra") and rows("kfra", problem="convolved digits") == []


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_has_two_routes_that_are_different_functions(quantity):
    routes = list(QUANTITIES[quantity].routes.values())
    assert len(routes) >= 2 and len(set(map(id, routes))) == len(routes)


def test_a_wrong_first_route_fails_though_nothing_else_is_wrong(monkeypatch):
    quantity = QUANTITIES["gradient"]
    wrong = {**quantity.routes, "backprop": lambda o, t: 1.000001 * quantity.routes["dual"](o, t)}
    monkeypatch.setitem(QUANTITIES, "gradient", type(quantity)(quantity.title, wrong))
    failed = {row.route for row in rows("gradient") if not row.passed}
    assert "backprop" in failed


def test_a_wrong_second_route_fails_by_the_proof_even_if_the_first_shares_its_error(monkeypatch):
    quantity = QUANTITIES["value"]
    shared = {name: (lambda o, t, f=f: f(o, t) if t.dtype == object else f(o, t) * (1 + 1e-9))
              for name, f in quantity.routes.items()}
    monkeypatch.setitem(QUANTITIES, "value", type(quantity)(quantity.title, shared))
    agreed = [row.agreed for row in rows("value") if row.agreed is not None]
    assert min(agreed) > 13 and not any(row.passed for row in rows("value"))


def test_digits_are_nan_for_nan_and_then_nothing_passes():
    nan = oracle.Row("p", "q", "t", "r", float("nan"), None, 13)
    assert not nan.passed
    assert not oracle.Row("p", "q", "t", "r", 15.0, float("nan"), 13).passed
    assert not oracle.Row("p", "q", "t", "r", None, None, 13).passed


def test_agreement_counts_the_digits_of_the_largest_entry():
    a = np.array([1.0, 1e-9])
    assert np.isclose(oracle.agreement(a, a + np.array([0, 1e-5])), 5, atol=1e-4)
    assert oracle.agreement(a, a) == np.inf


def test_rows_do_not_depend_on_the_executor(monkeypatch):
    some = [(SMALL, "value", 0), (SMALL, "curvature", 0)]
    monkeypatch.setattr(oracle, "tasks", lambda seed: some)
    with ThreadPoolExecutor(1) as executor:
        assert list(oracle.check(executor=executor)) == list(oracle.check())


def test_a_constant_narrowed_to_float64_fails_in_longdouble(monkeypatch):
    quantity = QUANTITIES["gradient"]
    third = quantity.routes["backprop"]
    narrowed = {**quantity.routes, "backprop": lambda o, t: third(o, t) if t.dtype == object else
                third(o, t).astype(float).astype(t.dtype)}
    monkeypatch.setitem(QUANTITIES, "gradient", type(quantity)(quantity.title, narrowed))
    failed = [row.route for row in rows("gradient") if not row.passed]
    assert "backprop, longdouble" in failed or np.longdouble is np.float64
