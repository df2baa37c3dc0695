"""`check` passes over what is right and fails over every planted fault, naming the quantity."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import reference as ref
from reference.oracle import check as oracle
from reference.oracle.check_text import line
from reference.oracle.quantities import QUANTITIES
from tests.oracle import peers

SMALL = "pooled digits"


def rows(quantity, peer=None, problem=SMALL):
    return oracle.rows_of((problem, quantity, 0, peer))


def peer_row(quantity, peer):
    return rows(quantity, peer)[-1]


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


def test_a_factor_that_moved_from_one_side_to_the_other_fails_though_the_product_stays():
    class moved:
        """G divided by the 36 places of a kernel, A multiplied; and the right factors."""

        @staticmethod
        def kfac(objective, theta):
            first, *others = ref.kfac(objective, theta)
            return [ref.Kron(first.G / 36, 36 * first.A), *others]
        kfac_reduce = staticmethod(lambda o, t: ref.kfac(o, t, setting="reduce"))

    assert rows("kfac", moved, "convolved digits")[-1].verdict == "FAILED"
    assert rows("kfac_reduce", moved, "convolved digits")[-1].passed


def test_a_quantity_has_rows_where_it_is_defined_and_no_others():
    assert rows("positive_curvature", problem="convolved digits")
    assert rows("positive_curvature", problem="digits row by row") == []
    assert rows("kfra") and rows("kfra", problem="convolved digits") == []


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_has_two_routes_that_are_different_functions(quantity):
    routes = list(QUANTITIES[quantity].routes.values())
    assert len(routes) >= 2 and len(set(map(id, routes))) == len(routes)


@pytest.mark.parametrize("quantity", ["value", "gradient", "hvp", "hessian"])
def test_a_right_peer_passes_and_its_digits_are_proven(quantity):
    row = peer_row(quantity, peers.right)
    assert row.passed and row.proven > 13


@pytest.mark.parametrize("peer, quantity", [
    (peers.twice_too_large, "hvp"), (peers.one_entry, "gradient"),
    (peers.wrong_shape, "gradient"), (peers.not_a_number, "gradient"),
    (peers.raises, "gradient"), (peers.writes_to_theta, "gradient"),
    (peers.forgetful, "gradient"), (peers.nan_in_the_last_array, "hessian_blocks"),
    (peers.reuses_its_buffer, "gradient"), (peers.exits, "gradient"),
    (peers.raises_the_second_time, "gradient"), (peers.writes_to_data, "gradient"),
    (peers.complex_numbers, "gradient"), (peers.nothing, "gradient")],
    ids=lambda a: getattr(a, "__name__", a))
def test_a_planted_fault_fails_its_quantity_and_no_other(peer, quantity):
    assert peer_row(quantity, peer).verdict == "FAILED"
    for other in {"value", "gradient", "hvp"} - {quantity}:
        assert peer_row(other, peer).passed


def test_a_fault_is_told_in_words_where_digits_cannot_tell_it():
    assert "shape" in peer_row("gradient", peers.wrong_shape).note
    assert "out of ideas" in peer_row("gradient", peers.raises).note
    assert "changed its inputs" in peer_row("gradient", peers.writes_to_theta).note
    assert "identical calls" in peer_row("gradient", peers.forgetful).note


@pytest.mark.parametrize("peer, quantity, words", [
    (peers.not_a_number, "gradient", "1 of 145 entries of array 0 are not finite, the first"),
    (peers.nan_in_the_last_array, "hessian_blocks", "3600 of 3600 entries of array 1"),
    (peers.complex_numbers, "gradient", "array 0 holds complex128, expected real numbers"),
    (peers.nothing, "gradient", "array 0 has shape (), expected (145,)"),
    (peers.exits, "gradient", "SystemExit: 0"),
    (peers.raises_the_second_time, "gradient", "the second, RuntimeError: only once"),
    (peers.writes_to_data, "gradient", "changed its inputs")])
def test_a_note_is_one_line_that_says_what_came_instead(peer, quantity, words):
    note = peer_row(quantity, peer).note
    assert words in note and "\n" not in note and len(note) < 250


@pytest.mark.parametrize("peer", [
    peers.raises, peers.nothing, peers.wrong_shape, peers.not_a_number, peers.complex_numbers,
    peers.exits, peers.raises_the_second_time, peers.writes_to_data, peers.forgetful],
    ids=lambda peer: peer.__name__)
def test_a_row_of_what_is_no_answer_shows_no_digits(peer):
    row = peer_row("gradient", peer)
    assert row.note and row.agreed is row.proven is None and not row.record()["identical"]
    assert line(row).split()[-len(row.note.split()) - 4:][:3] == ["-", "-", "13.0"]


def test_a_peer_may_return_lists_print_and_leave_things_out(capsys):
    assert peer_row("gradient", peers.talkative).passed
    assert peer_row("hvp", peers.talkative).verdict == "not offered"
    assert "chatter" not in capsys.readouterr().out


@pytest.mark.parametrize("problem", oracle.ZOO)
def test_factors_of_layers_without_bias_are_compared_too(problem):
    assert oracle.rows_of((problem, "kfac", 0, peers.talkative))[-1].passed


def test_what_a_peer_does_not_offer_is_neither_passed_nor_failed():
    row = peer_row("kfac", peers.right)
    assert row.verdict == "not offered" and not row.passed


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
    some = [(SMALL, "value", 0, None), (SMALL, "curvature", 0, None)]
    monkeypatch.setattr(oracle, "tasks", lambda seed, peer: some)
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
