"""Verdicts by rule: each of the three is reached by planted records, and by no others."""

import numpy as np
import pytest

from reference.training import paper_claims, results_page
from reference.training.defaults import OPTIMIZERS
from reference.training.job import Job
from reference.training.measured import Run, after_epochs, after_seconds, pace, spread
from reference.training.paper_claims import CLAIMS, NOT_TESTABLE, Claim, findings
from reference.problems.tasks import TASKS

BETTER = Claim("MG15", "planted", "kfac", ("sgd",), ("digits",))
AS_GOOD = Claim("MG15", "planted", "kfac", ("sgd",), ("digits",), relation="as good")


def run(name, seed, losses, status="finished", seconds=1.0):
    """A run whose epochs take a second each."""
    count = len(losses)
    columns = {"epoch": np.arange(count), "seconds": seconds * np.arange(count),
               "train_loss": np.array(losses, float), "test_loss": 2 * np.array(losses, float)}
    return Run(Job("digits", name, seed, 1.0, 2), {"status": status, "message": "planted."},
               columns if count else {})


def found(ours, theirs, **more):
    return {"digits": {"kfac": [run("kfac", k, [9, 8, last], **more) for k, last in
                                enumerate(ours)],
                       "sgd": [run("sgd", k, [9, 8, last]) for k, last in enumerate(theirs)]}}


def verdict(monkeypatch, claim, runs, missing=()):
    monkeypatch.setattr(paper_claims, "CLAIMS", (claim,))
    (finding,) = findings(runs, missing)
    return finding.verdict


@pytest.mark.parametrize("ours, theirs, better, as_good", [
    ((1, 2, 3), (4, 5, 6), True, True),             # apart
    ((1, 2, 4.5), (4, 5, 6), False, True),          # the ranges overlap
    ((5, 5.5, 6), (4, 5, 6), False, True),          # within the rival's range
    ((6, 7, 8), (4, 5, 6), False, False),           # above it
])
def test_confirmed_or_not_by_medians_and_ranges(monkeypatch, ours, theirs, better, as_good):
    words = {True: "confirmed", False: "not confirmed"}
    assert verdict(monkeypatch, BETTER, found(ours, theirs)) == words[better]
    assert verdict(monkeypatch, AS_GOOD, found(ours, theirs)) == words[as_good]


def test_a_claim_of_what_diverged_is_never_confirmed(monkeypatch):
    runs = found((1, 1, 1), (4, 5, 6), status="diverged")
    assert verdict(monkeypatch, AS_GOOD, runs) == "not confirmed"
    runs["digits"]["sgd"] = [run("sgd", 0, [9, 8, 1], "diverged")]
    assert verdict(monkeypatch, AS_GOOD, runs) == "not confirmed"


def test_without_two_numbers_nothing_is_testable(monkeypatch):
    whole = found((1, 2, 3), (4, 5, 6))
    assert verdict(monkeypatch, BETTER, whole, {"digits"}) == NOT_TESTABLE
    assert verdict(monkeypatch, BETTER, {}) == NOT_TESTABLE
    refused = {"digits": {**whole["digits"], "sgd": [run("sgd", 0, [], "refused")]}}
    assert verdict(monkeypatch, BETTER, refused) == NOT_TESTABLE
    short = {"digits": {**whole["digits"], "sgd": [run("sgd", k, [9]) for k in range(2)]
                        + [run("sgd", 2, [9, 8, 7])]}}
    assert verdict(monkeypatch, BETTER, short) == NOT_TESTABLE      # two that have no epoch
    assert verdict(monkeypatch, Claim("MG15", "planted", why="no run"), whole) == NOT_TESTABLE


def test_epochs_that_both_have_are_compared_where_not_all_were_reached(monkeypatch):
    runs = {"digits": {"kfac": [run("kfac", k, [9, last, 1]) for k, last in enumerate((3, 4))],
                       "sgd": [run("sgd", 0, [9, 5]), run("sgd", 1, [9, 6, 0])]}}
    monkeypatch.setattr(paper_claims, "CLAIMS", (BETTER,))
    (finding,) = findings(runs, ())
    assert finding.verdict == "confirmed" and finding.told.endswith(", after 1")
    runs["digits"]["kfac"][1] = run("kfac", 1, [9, 5, 1])
    (finding,) = findings(runs, ())
    assert finding.verdict == "not confirmed"


def test_numbers_are_read_off_where_they_were_recorded():
    one = run("sgd", 0, [9, 8, 7, 6], seconds=0.4)
    assert after_seconds(one, "training") == 7 and after_seconds(one, "test") == 14    # at 0.8 of 1
    assert after_epochs(one, "training") == 7 and pace(one) == pytest.approx(0.4)
    assert after_seconds(run("sgd", 0, [9, 8], seconds=1.5), "training") == 9
    assert np.isnan(after_epochs(run("sgd", 0, [9, 8]), "training"))
    assert after_seconds(run("sgd", 0, [9, 8, 7], "diverged"), "training") == np.inf


def test_a_seed_that_diverged_is_infinite_in_the_median():
    assert (spread([1, np.inf, 2]).median, spread([np.inf, 1, np.inf]).median) == (2, np.inf)
    assert str(spread([1, np.inf, 2])) == "2 (1 to ∞)" and str(spread([1, np.nan])) == "–"
    assert spread([1, np.inf]).median == np.inf and spread([1, 2]).median == 1.5


def test_claims_name_what_there_is():
    for claim in CLAIMS:
        assert set(claim.tasks) <= set(TASKS)
        assert {claim.optimizer, *claim.rivals} - {""} <= set(OPTIMIZERS)
        assert bool(claim.why) != bool(claim.tasks and claim.rivals)


def test_every_claim_is_on_the_page_once_with_a_verdict():
    lines = list(results_page.claim_lines({}, set(TASKS)))
    begins = [f"| [{claim.source}] | {claim.text} |" for claim in CLAIMS]
    assert [sum(line.startswith(begin) for line in lines) for begin in begins] == [1] * len(CLAIMS)
    assert all(line.endswith(f"{NOT_TESTABLE} |") for line in lines[2:])
