"""The command line: exit status, table, JSON, picture, refusals."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from reference.__main__ import main
from reference.oracle import check as oracle
from reference.oracle import peer_check
from reference.oracle.check_text import HEADER, digits
from reference.oracle.judge.subjects import SUBJECTS
from reference.oracle.quantities import QUANTITIES
from reference.problems.zoo import ZOO

QUICK = [("pooled digits", "gradient", 0), ("pooled digits", "hvp", 0)]


@pytest.fixture
def quick(monkeypatch):
    """Two quantities on the small problem only."""
    monkeypatch.setattr(oracle, "tasks", lambda seed: QUICK)
    monkeypatch.setattr(peer_check, "ZOO", {"pooled digits": ZOO["pooled digits"]})
    monkeypatch.setattr(peer_check, "asked", lambda: [SUBJECTS["gradient"], SUBJECTS["hvp"]])


def test_check_exits_with_0_and_shows_agreed_and_proven_digits(quick, capsys):
    assert main(["check"]) == 0
    out = capsys.readouterr().out
    assert "agreed" in out and "proven" in out and "complex step" in out and "0 failed" in out


def test_every_title_leaves_a_space_before_the_next_column():
    assert max(len(each.title) for each in QUANTITIES.values()) < HEADER.index("route")


def test_a_planted_fault_makes_check_exit_with_1_and_name_the_quantity(quick, capsys):
    assert main(["check", "tests.oracle.peers:twice_too_large"]) == 1
    out = capsys.readouterr().out
    failed = [s for s in out.splitlines() if s.startswith("differs")]
    assert failed == ["differs: hvp (on pooled digits)"] and "ours x 2" in out


def test_json_holds_every_row_and_the_verdict(quick, capsys):
    assert main(["check", "tests.oracle.peers:not_a_number", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is False
    verdicts = {row["quantity"]: row["verdict"] for row in report["rows"]}
    assert verdicts == {"gradient": "unusable", "hvp": "agrees"}


def test_a_peer_is_reported_to_junit_and_in_markdown(quick, tmp_path, capsys):
    path = tmp_path / "report.xml"
    assert main(["check", "tests.oracle.peers:talkative", "--markdown", "--junit", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("| pooled digits |  | gradient |")
    suite = ElementTree.parse(path).getroot()
    assert suite.attrib == {"name": "reference", "tests": "2", "failures": "0", "skipped": "1"}
    assert suite[0].attrib["classname"] == "reference.pooled digits"


def test_the_picture_is_written_whole_and_nothing_else(quick, tmp_path, capsys):
    assert main(["check", "--plot", str(tmp_path / "steps.png")]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["steps.png"]
    assert (tmp_path / "steps.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments, words", [
    (["check", "tests.oracle.peers"], "package.module:object"),
    (["check", "keras"], "choose among torch, jax"),
    (["check", "tests"], "add --pack DIR"),
    (["check", "tests", "--pack", "tests", "--all"], "--all is of peers"),
    (["check", "tests", "--pack", "/no/such/pack"], "/no/such/pack"),
    (["check", "no.such.module:peer"], "no.such"),
    (["check", "tests.oracle.peers:nobody"], "nobody"),
    (["check", "tests.oracle.peers:offers_nothing"], "offers none"),
    (["check", "--plot", "steps.exe"], ".png, .pdf or .svg"),
    (["check", "--plot", "/no/such/folder/steps.png"], "/no/such/folder"),
], ids=lambda a: " ".join(a) if isinstance(a, list) else "")
def test_what_cannot_be_done_is_refused_in_one_sentence_with_status_2(
        quick, arguments, words, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1 and not captured.out


@pytest.mark.parametrize("arguments", [["check", "--workers", "0"], ["check", "--workers", "x"],
                                       ["check", "--seed", "-1"], ["nonsense"], []])
def test_bad_options_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_help_has_an_example_and_the_names_of_the_quantities(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["check", "--help"])
    out = capsys.readouterr().out
    assert stop.value.code == 0 and "example" in out and "fisher_empirical" in out


def test_interruption_is_said_and_not_a_traceback(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(oracle, "check", interrupted)
    assert main(["check"]) == 130 and "interrupted" in capsys.readouterr().err


def test_digits_are_rounded_down_and_what_is_none_is_said():
    assert [digits(d) for d in (12.99, -0.01, None, float("nan"), np.inf, -np.inf)] == [
        "12.9", "-0.1", "-", "-", "all", "none"]


def test_differences_make_a_v_and_the_complex_step_a_flat_line():
    from reference.oracle.step_sizes import step_size_errors
    where = oracle.point("pooled digits", np.random.default_rng(0))
    steps = np.logspace(-1, -16, 46)
    errors = step_size_errors(where.objective, where.theta, where.arguments["v"], steps)
    best = steps[errors["central difference"].argmin()]
    assert 1e-7 < best < 1e-3 and errors["central difference"][-1] > 1e-3
    assert errors["complex step"][steps < 1e-9].max() < 20 * np.finfo(float).eps
