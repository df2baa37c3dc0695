"""The museum: exhibits are found and named, right answers pass, and the page says what is so."""

import ast
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import reference as ref
from reference.oracle.museum import against, collection, command, correct, page, power
from reference.oracle.museum.exhibit import exhibit
from reference.oracle.museum.measure import row_of

PAGE = Path(__file__).parents[3] / "docs" / "13-museum.md"
FOLDER = PAGE.parents[1] / "reference" / "oracle" / "judge"
EXHIBITS = ref.museum.EXHIBITS
SOME = list(EXHIBITS)[::9]


def told_by_the_page():
    """{id: (told, right)} of the table."""
    lines = [line.replace("\\|", "/") for line in PAGE.read_text("utf-8").splitlines()]
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {row[0]: (row[-2], row[-1]) for row in cells if row[0] in EXHIBITS}


def test_the_page_has_every_exhibit_and_all_are_right():
    told = told_by_the_page()
    assert told.keys() == EXHIBITS.keys()
    assert {right for _, right in told.values()} == {"yes"}


@pytest.mark.parametrize("id", SOME)
def test_the_page_says_what_the_judge_says(id):
    row = row_of(id)
    assert row.detected and row.named and row.kind, row
    if not np.isnan(row.residual) and "ours x" in row.told:
        assert row.told.replace("|", "/") == told_by_the_page()[id][0]


def test_no_exhibit_is_made_by_what_shall_name_it():
    for room in collection.ROOMS:
        imported = [node.module or "" for node in ast.walk(ast.parse(inspect.getsource(room)))
                    if isinstance(node, ast.ImportFrom)]
        assert not [name for name in imported if "judge" in name]


def registered():
    """Names of the explanations that were written for the museum."""
    files = [FOLDER / "causes" / f"{name}.py" for name in
             ("backwards", "diagonals", "functions", "spectra", "zeros")]
    pattern = r'(?:mutant|@content|_averaged)\("([^"]+)"|@of\(\w+, "([^"]+)"'
    return {a or b for file in files for a, b in re.findall(pattern, file.read_text("utf-8"))}


def test_every_explanation_that_was_written_for_them_has_an_exhibit():
    shown = {name for one in EXHIBITS.values() for name in one.named}
    assert len(registered()) > 25
    assert registered() - shown == {"mean over matrices", "mean over columns"}


@pytest.mark.parametrize("name, axis", [("mean over matrices", (0, 1)), ("mean over columns", 0)])
def test_means_over_matrices_and_columns_are_named(name, axis):
    objective, theta = EXHIBITS["K41b"].point()
    layout = objective.net.layout
    d = ref.diagonal(ref.hessian(objective, theta))
    theirs = layout.pack([W * 0 + W.mean(axis, keepdims=True) for W in layout.unpack(d)])
    found = ref.check(theirs, "hessian_diagonal", objective, theta).explanation
    assert (found.content, found.kind) == (name, "error")


def test_the_measure_says_what_is_missed_misnamed_and_of_the_wrong_kind(monkeypatch):
    one = EXHIBITS["G01"]
    fields = {**one.__dict__, "named": ("1/N",), "kind": "error"}
    monkeypatch.setitem(EXHIBITS, "G01", type(one)(**fields))
    row = row_of("G01")
    assert row.detected and not row.named and not row.kind
    fields["theirs"] = lambda: lambda objective, theta: objective.grad(theta)
    monkeypatch.setitem(EXHIBITS, "G01", type(one)(**fields))
    row = row_of("G01")
    assert not row.detected
    assert ref.museum.summary([row]) == {"exhibits": 1, "detected": 0, "named": 0, "kind": 1}
    assert "0 detected" in page.counts([row])


def test_an_id_is_taken_once():
    with pytest.raises(ValueError, match="an exhibit G01 already"):
        exhibit("G01", "", "", "gradient", None)(None)


# ---- right answers ----

def test_random_right_answers_raise_no_alarm_and_spoiled_ones_do():
    chosen = list(correct.peers(len(correct.WAYS), seed=9))
    assert {peer.way for peer in chosen} == set(correct.WAYS)
    assert [peer.verdict() for peer in chosen] == ["agrees"] * len(chosen)
    plain = next(peer for peer in chosen if peer.way == "another route")
    spoiled = type(plain)(plain.way, plain.theirs * 1.0001, plain.subject, plain.given, {})
    assert spoiled.verdict() != "agrees"
    assert "1 false alarms on 6" in page.alarms_line([(0, spoiled, "differs")], 6)


# ---- somebody's checker ----

def strict(theirs, quantity, objective, theta, *arguments):
    return ref.check(theirs, quantity, objective, theta, *arguments).passed


def blind(theirs, *given):
    return True


def closed(theirs, *given):
    return False


def test_a_checker_is_told_what_it_misses_and_what_it_refuses():
    ids = ["G01", "G03", "K37"]
    visits = list(ref.museum.visit(strict, ids[:2]))
    assert not any(each.missed or each.refused for each in visits)
    assert [each.missed for each in ref.museum.visit(blind, ids)] == [True] * 3
    refused = list(ref.museum.visit(closed, ids))
    assert not any(each.missed for each in refused) and all(each.refused for each in refused)
    failed, = ref.museum.visit(lambda *given: 1 / 0, ["G01"])
    assert failed.missed and failed.failed.startswith("ZeroDivisionError")
    assert "3 of 3 faults pass" in "\n".join(against.told(list(ref.museum.visit(blind, ids))))


# ---- power ----

@pytest.mark.parametrize("dtype", power.DTYPES)
def test_faults_in_one_gradient_are_seen(dtype):
    found = {one.fault: one for one in ref.museum.powers(200, 0, (100,), (dtype,))}
    assert len(found) == 6 and all(one.trials == 200 for one in found.values())
    assert all(one.missed == 0 for fault, one in found.items() if "1 %" not in fault)
    assert found["one entry zeroed"].nearest > 1 > found[power.ALARM].nearest


def test_wide_bounds_miss_and_limits_are_those_of_the_binomial():
    rng = np.random.default_rng(0)
    ours = rng.standard_normal((50, 7))
    beyond = power.one_entry(rng, ours, ours, np.full((50, 7), 1e3))
    assert all((each <= 1).all() for each in beyond.values())
    one = power.Power("", 7, "float64", 0, 30000, 2.0)
    assert one.most == pytest.approx(-np.log(0.05) / 30000, rel=1e-3) and one.most < 1e-4
    assert power.Power("", 7, "float64", 5, 5, 0.0).most == 1.0


# ---- the command ----

def asked(**chosen):
    options = {"exhibits": [], "checker": None, "into": None, "json": False, **chosen}
    shown = []
    status = command.run(SimpleNamespace(**options), shown.append, lambda text: None)
    return status, "\n".join(shown)


def test_the_command_tells_of_exhibits_and_of_checkers():
    status, text = asked(exhibits=["G03"])
    assert status == 0 and "mlpack/mlpack#3679" in text and "differs" in text
    status, text = asked(exhibits=["G03"], json=True)
    assert status == 0 and '"named": true' in text
    status, text = asked(exhibits=["G03"], checker=f"{__name__}:blind")
    assert status == 1 and "1 of 1 faults pass" in text
    assert asked(exhibits=["G03"], checker=f"{__name__}:strict")[0] == 0


@pytest.mark.parametrize("chosen, message", [
    ({"exhibits": ["G99"]}, "no exhibit G99"), ({"checker": "x"}, "package.module:object"),
    ({"checker": "nowhere:f"}, "ModuleNotFoundError"), ({"checker": "math:pi"}, "is a float")])
def test_the_command_refuses_what_is_none(chosen, message):
    with pytest.raises(ValueError, match=message):
        asked(**chosen)
