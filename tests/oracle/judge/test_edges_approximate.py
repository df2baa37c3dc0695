"""What is nearly ours: noise, roundings and quotients, and what only one of their tests refuses."""

from types import SimpleNamespace

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.approximations import stored_as
from reference.oracle.judge.noise import HELD, are_drawn, is_like
from reference.oracle.judge.verdict import verdict_of, within
from tests.curvature.brute import NETS

from .by_hand import mean_gradient

OBJECTIVE, THETA = NETS["dense"]()
P = THETA.size


def kind_and_text(theirs, quantity, *arguments):
    best = ref.check(theirs, quantity, OBJECTIVE, THETA, *arguments).explanation
    return (best.kind, best.text) if best else (None, "")


# ---- noise ----

@pytest.mark.parametrize("share, noise", [(0.1, True), (1.0, True), (6.0, False), (1e-4, False)])
def test_what_is_too_far_or_too_near_is_no_draw(share, noise):
    """100 probes, one, fewer than one, and more than anybody draws."""
    H = ref.dense(ref.hessian(OBJECTIVE, THETA))
    v = np.random.default_rng(5).choice([-1.0, 1.0], P)
    theirs = np.diag(H) + share * (v * (H @ v) - np.diag(H))
    assert (kind_and_text(theirs, "hessian_diagonal")[0] == "noise") == noise


def test_a_draw_moves_as_many_entries_and_lies_where_draws_lie():
    rng = np.random.default_rng(0)
    own, one = rng.standard_normal((80 + HELD, 200)), np.eye(200)[3]
    assert is_like(rng.standard_normal(200), own) and not is_like(one, own)
    basis = rng.standard_normal((5, 500))
    own = rng.standard_normal((80 + HELD, 5)) @ basis
    assert is_like(rng.standard_normal(5) @ basis, own)
    assert not is_like(rng.standard_normal(500), own)


def test_a_share_of_labels_is_not_negative():
    p = np.full((4, 3), 1 / 3)                     # so that all labels are as likely
    assert are_drawn(np.tile([1.0, 0.0, 0.0], (4, 1)), p)
    assert not are_drawn(np.tile([2.0, -1.0, 0.0], (4, 1)), p)


# ---- roundings and quotients ----

def test_one_entry_alone_is_no_rounding_of_all():
    theirs = OBJECTIVE.grad(THETA)
    theirs[np.argmax(np.abs(theirs))] *= 1 + 1e-4
    assert kind_and_text(theirs, "gradient")[0] != "precision"


def test_whole_numbers_are_stored_in_nothing_narrow():
    assert stored_as([np.arange(3.0)]) is None
    assert stored_as([np.array([0.1]).astype("float16").astype(float)]) == "float16"
    assert stored_as([np.array([0.1])]) is None


@pytest.mark.parametrize("other, told", [(0.0, True), (0.02, False)])
def test_an_error_of_which_a_part_is_another_is_no_quotient_alone(other, told):
    rng, h = np.random.default_rng(1), 1e-2
    v, noise = rng.standard_normal((2, P))
    exact = ref.hvp(OBJECTIVE, THETA, v)
    theirs = (mean_gradient(OBJECTIVE, THETA + h * v) - mean_gradient(OBJECTIVE, THETA)) / h
    theirs += other * noise * np.linalg.norm(theirs - exact) / np.linalg.norm(noise)
    assert ("differences" in kind_and_text(theirs, "hvp", v)[1]) == told


# ---- verdicts ----

def test_a_fault_outweighs_every_explanation():
    best = SimpleNamespace(kind="convention", plain=False, content="ours", arrangement="as it is",
                           factors={})
    noise = SimpleNamespace(kind="noise")
    assert verdict_of(best, (), ()) == "agrees" and verdict_of(best, ("it fails",), ()) == "differs"
    assert verdict_of(noise, (), ()) == "agrees within its noise"
    assert verdict_of(noise, (), ("noise",)) == "agrees"
    assert verdict_of(noise, ("it fails",), ("noise",)) == "differs"


def test_a_bound_that_overflowed_allows_nothing():
    def judged(theirs, bound):
        return within(SimpleNamespace(theirs=[np.array([theirs])], ours=[np.array([2.0])],
                                      tolerance=SimpleNamespace(bounds=[np.array([bound])])))
    assert judged(2.5, 1.0) and judged(2.0, np.inf) and not judged(2.5, np.inf)
