"""`check PEER` passes over what is right and tells every planted fault by quantity, in words."""

import pytest

import reference as ref
from reference.oracle import peer_check
from reference.oracle.judge.subjects import SUBJECTS
from reference.oracle.peer_text import line
from tests.oracle import peers

SMALL = "pooled digits"


def judged(peer, quantity, monkeypatch, problem=SMALL):
    """The Judgement of one quantity; None if the peer has no such function."""
    monkeypatch.setattr(peer_check.peers, "ways", lambda name: {"": peer})
    monkeypatch.setattr(peer_check, "asked", lambda: [SUBJECTS[quantity]])
    return next(iter(peer_check.judgements(("peer", problem, 0))), None)


@pytest.mark.parametrize("quantity", ["value", "gradient", "hvp", "hessian"])
def test_a_right_peer_agrees(quantity, monkeypatch):
    assert judged(peers.right, quantity, monkeypatch).report.verdict == "agrees"


@pytest.mark.parametrize("peer, quantity, verdict, words", [
    (peers.twice_too_large, "hvp", "differs", "ours x 2"),
    (peers.one_entry, "gradient", "differs", "first"),
    (peers.not_a_number, "gradient", "unusable", "1 of 145 entries of array 0 are not finite"),
    (peers.nan_in_the_last_array, "hessian_blocks", "unusable", "3600 of 3600 entries of array 1"),
    (peers.raises, "gradient", "unusable", "out of ideas"),
    (peers.writes_to_theta, "gradient", "differs", "changes its inputs"),
    (peers.writes_to_data, "gradient", "differs", "changes its inputs"),
    (peers.forgetful, "gradient", "differs", "a second identical call"),
    (peers.reuses_its_buffer, "gradient", "differs", "a second identical call"),
    (peers.exits, "gradient", "unusable", "SystemExit: 0"),
    (peers.raises_the_second_time, "gradient", "differs", "only once"),
    (peers.complex_numbers, "gradient", "unusable", "complex128"),
    (peers.nothing, "gradient", "unusable", "")], ids=lambda a: getattr(a, "__name__", a))
def test_a_planted_fault_is_told_and_no_other(peer, quantity, verdict, words, monkeypatch):
    found = judged(peer, quantity, monkeypatch)
    assert found.report.verdict == verdict and not found.passed and words in str(found.report)
    for other in {"value", "hvp"} - {quantity}:
        assert judged(peer, other, monkeypatch).passed


def test_a_column_is_not_a_vector(monkeypatch):
    assert not judged(peers.wrong_shape, "gradient", monkeypatch).passed


def test_a_peer_may_return_lists_print_and_leave_things_out(monkeypatch, capsys):
    assert judged(peers.talkative, "gradient", monkeypatch).report.passed
    refused = judged(peers.talkative, "hvp", monkeypatch)
    assert refused.passed and not refused.offered and "not offered" in line(refused)
    assert judged(peers.talkative, "kfac_inverse", monkeypatch) is None
    assert "chatter" not in capsys.readouterr().out


def test_a_stated_convention_agrees_and_an_unstated_one_is_told(monkeypatch):
    class summed:
        gradient = staticmethod(lambda objective, theta: 23 * ref.gradient(objective, theta))

    assert judged(summed, "gradient", monkeypatch).report.verdict == "agrees after a convention"
    summed.conventions = {"gradient": {"allow": ["N"]}}
    found = judged(summed, "gradient", monkeypatch)
    assert found.passed and "ours x N" in line(found)


def test_factors_of_layers_without_bias_are_judged_too(monkeypatch):
    assert judged(peers.talkative, "kfac", monkeypatch, "uncertain regression").report.passed


# ---- frameworks, where they are installed ----

@pytest.mark.filterwarnings("ignore")                  # theirs
@pytest.mark.parametrize("name, package", [
    ("torch", "torch"), ("jax", "jax"), ("curvlinops", "curvlinops"), ("backpack", "backpack"),
    ("autograd", "autograd")])
def test_an_installed_framework_agrees_on_a_small_problem(name, package):
    pytest.importorskip(package)
    found = peer_check.judgements((name, "convolved digits", 0))
    assert len(found) >= 5 and all(each.passed for each in found)
    assert sum(each.report.passed for each in found) >= 4


@pytest.mark.filterwarnings("ignore")                  # theirs
@pytest.mark.parametrize("problem, agrees", [("Dropout, one mask", True), ("Tied", False)])
def test_curvlinops_takes_labels_at_places_and_no_shared_matrix(problem, agrees, monkeypatch):
    pytest.importorskip("curvlinops")
    monkeypatch.setattr(peer_check, "asked", lambda: [SUBJECTS["kfac"]])
    found, = peer_check.judgements(("curvlinops", problem, 0))
    assert found.report.passed == agrees and found.offered == agrees
