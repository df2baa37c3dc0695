"""The table of layers is what the code measures, and the page holds it."""

from pathlib import Path

import numpy as np
import pytest

from reference.__main__ import main
from reference.derivatives.routes import gradient, hvp
from reference.oracle import layer_table, recorded
from reference.oracle.layer_table import COLUMNS, LAYERS, LayerRow, row_of
from reference.oracle.layer_text import BEGIN, END, cell
from reference.problems.files import save_npz

PAGE = Path(__file__).parents[2] / "docs" / "7-layers.md"
AGAIN = "measure it again: python -m reference layers --into docs/7-layers.md"
WOBBLE = 1.5                           # digits: last places depend on the BLAS
FULL = 15.5                            # more than these is luck, no difference at all included


def on_page():
    """{name: [cell, ...]} of the page, and its header."""
    block = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    header, _, *lines = ([c.strip() for c in line.strip("|").split("|")]
                         for line in block.strip().splitlines())
    return header, {name: cells for name, *cells in lines}


def same(written, measured):
    """Words are equal, numbers within WOBBLE."""
    numbers = [FULL if text == "all" else text for text in (written, measured)]
    try:
        one, other = (min(float(number), FULL) for number in numbers)
    except ValueError:
        return written == measured
    return abs(one - other) <= WOBBLE


def test_the_page_has_a_row_for_every_problem_and_the_columns_of_the_code():
    header, rows = on_page()
    assert header == ["layer", *COLUMNS], AGAIN
    assert list(rows) == list(LAYERS), AGAIN


@pytest.mark.parametrize("name", LAYERS)
def test_a_row_is_what_the_code_measures(name):
    row, rows = row_of(name), on_page()[1]
    assert row.passed, row
    measured = [cell(answer) for answer in row.cells.values()]
    assert all(map(same, rows.get(name, [AGAIN] * len(measured)), measured)), (measured, AGAIN)


def test_what_differs_is_seen():
    assert same("15.3", "14.1") and same("all", "14.2") and same("16.8", "14.9")
    assert same("couples", "couples")
    assert not (same("15.3", "13.1") or same("15.3", "couples") or same("-", "15.3")
                or same("couples", "not affine"))
    assert not LayerRow("a", {"gradient": 11.9}).passed
    assert not LayerRow("a", {"gradient": np.nan}).passed
    assert LayerRow("a", {"gradient": 12.1, "H v": None, "per example": "couples"}).passed


def own_record(name):
    """What the recorder would write, of our own answers."""
    objective, theta = layer_table.problem(name)
    v = layer_table.direction(theta)
    kinds = theta, v, gradient(objective, theta), hvp(objective, theta, v)
    kinds = [objective.net.named(a) for a in kinds]
    return {"x": objective.x, "output": objective.outputs(theta), "loss": objective.value(theta),
            **{key: np.stack([named[key] for named in kinds]) for key in kinds[0]}}


def test_a_record_is_read_and_compared(tmp_path, monkeypatch):
    name = next(iter(LAYERS))
    monkeypatch.setattr(recorded, "RECORD", tmp_path / "pytorch.npz")
    assert recorded.record_of(name) is None
    assert row_of(name).cells["forward"] == row_of(name).cells["PyTorch"] == "not here"
    save_npz(recorded.RECORD, version=np.zeros(3))
    assert row_of(name).cells["forward"] is row_of(name).cells["PyTorch"] is None
    mine = own_record(name)

    def cells(scales):
        save_npz(recorded.RECORD, **{f"{name}|{key}": array * scales.get(key, 1)
                                     for key, array in mine.items()})
        assert recorded.record_of("no such") is None
        cells = row_of(name).cells
        return cells["forward"], cells["PyTorch"]

    assert cells({}) == (np.inf, np.inf)
    other = 1 + 1e-9
    for scales in ({"output": other}, {"loss": other}):
        forward, derivatives = cells(scales)
        assert 8.9 < forward < 9.1 and derivatives == np.inf and not row_of(name).passed
    for i in (2, 3):
        planted = np.where(np.arange(4) == i, other, 1)
        forward, derivatives = cells({"0.weight": planted[:, None, None],
                                      "2.weight": planted[:, None, None]})
        assert forward == np.inf and 8.9 < derivatives < 9.5 and not row_of(name).passed


def test_an_error_that_is_no_refusal_is_not_made_a_word(monkeypatch):
    def broken(name, objective, theta):
        raise ValueError("out of order")
    monkeypatch.setitem(layer_table.COLUMNS, "forward", broken)
    with pytest.raises(ValueError, match="out of order"):
        row_of(next(iter(LAYERS)))


# ---- the command ----

@pytest.fixture
def two(monkeypatch):
    """Two problems only."""
    few = dict(list(LAYERS.items())[:2])
    monkeypatch.setattr(layer_table, "LAYERS", few)
    return list(few)


def test_the_command_prints_a_line_per_problem_and_markdown_if_asked(two, capsys):
    assert main(["layers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:44].strip() for line in lines] == ["layer", *two]
    assert main(["layers", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {name}" for name in two]


def test_the_command_fills_a_page_and_nothing_else(two, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    assert main(["layers", "--into", str(page)]) == 0 and not capsys.readouterr().out
    first, *table, last = page.read_text("utf-8").splitlines()[1:-1]
    assert (first, last, len(table)) == (BEGIN, END, 4) and "old" not in table
    assert page.read_text("utf-8").startswith("before\n")
    page.write_text("no markers", "utf-8")
    assert main(["layers", "--into", str(page)]) == 2
    assert "needs the lines" in capsys.readouterr().err
    assert main(["layers", "--into", str(tmp_path / "none.md")]) == 2


def test_a_package_without_the_record_overwrites_no_page(two, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("reference.oracle.recorded.RECORD", tmp_path / "none.npz")
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n", "utf-8")
    assert main(["layers", "--into", str(page)]) == 2
    assert "not here" in capsys.readouterr().err and "old" in page.read_text("utf-8")
    assert main(["layers"]) == 0 and capsys.readouterr().out.count("not here") == 4


def test_a_layer_that_loses_digits_is_named_and_the_status_is_1(two, monkeypatch, capsys):
    monkeypatch.setitem(layer_table.COLUMNS, "forward", lambda *_: 3.0)
    assert main(["layers"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"FAILED: {two[0]}"
