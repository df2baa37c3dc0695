"""The page of the map is what the code measures, and the command writes it."""

from pathlib import Path

import numpy as np
import pytest

from reference import plotting
from reference.__main__ import main
from reference.oracle import map_page
from reference.oracle.layer_text import BEGIN, END
from reference.oracle.map_cases import CASES

PAGE = Path(__file__).parents[2] / "docs" / "9-map.md"
AGAIN = "measure it again: python -m reference map --into docs/9-map.md"


def same(written, measured):
    """Words are equal; numbers of one digit within 1 of it, since it may round either way."""
    (one, *words), (other, *others) = written.split(" ", 1), measured.split(" ", 1)
    try:
        a, b = float(one), float(other)
    except ValueError:
        return written == measured
    return words == others and abs(a - b) <= 1.01 * 10.0 ** np.floor(np.log10(max(a, b)))


def cells(lines):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line]


def test_the_page_is_what_the_code_measures():
    block = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    written, measured = cells(block), cells(map_page.lines())
    assert [len(row) for row in written] == [len(row) for row in measured], AGAIN
    for one, other in zip(written, measured):
        assert all(map(same, one, other)), (one, other, AGAIN)


def test_what_differs_is_seen():
    assert same("0.3", "0.4") and same("exact", "exact") and same("1", "0.9")
    assert same("0.3 (1 of 3)", "0.3 (1 of 3)") and same("20000", "30000")
    assert not (same("0.3", "0.5") or same("exact", "0.3") or same("0.3 (1 of 3)", "0.3")
                or same("-", "exact") or same("0.03", "0.3") or same("20000", "200"))


def test_a_cell_says_exact_only_where_it_is_proven(monkeypatch):
    assert map_page.row("tanh", {"": ("fisher", "gauss-newton", False)}) == ["exact"]
    monkeypatch.setitem(map_page.MATRICES, "fisher", map_page.MATRICES["hessian"])
    with pytest.raises(AssertionError, match="theorems and numbers disagree"):
        map_page.row("tanh", {"": ("fisher", "gauss-newton", False)})


@pytest.fixture
def two(monkeypatch):
    few = dict(list(CASES.items())[:2])
    monkeypatch.setattr(map_page, "CASES", few)
    return list(few)


def test_the_command_prints_the_map_or_fills_a_page(two, tmp_path, capsys):
    assert main(["map"]) == 0
    out = capsys.readouterr().out
    assert out.count(f"| {two[0]} |") == 2 and "| hessian = gauss-newton |" in out
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    assert main(["map", "--into", str(page)]) == 0 and not capsys.readouterr().out
    text = page.read_text("utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    page.write_text("no markers", "utf-8")
    assert main(["map", "--into", str(page)]) == 2
    assert "needs the lines" in capsys.readouterr().err


def test_the_picture_is_written_whole_and_in_a_format_that_is_known(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("reference.commands.map.DRAWN", ["least squares"])
    assert main(["map", "--plot", str(tmp_path / "map.png")]) == 0
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["map.png"]
    assert main(["map", "--plot", "map.exe"]) == 2 and ".png, .pdf or" in capsys.readouterr().err


def test_the_picture_has_blocks_below_and_whole_matrices_above_the_diagonal():
    names, D = map_page.distances("tanh")
    i, j, k = map(names.index, ("hessian", "gauss-newton", "kfac"))
    assert D[j, i] != D[i, j] and 0 < D[j, i] < 2 and np.isnan(D[i, k]) and D[k, i] > 0
    assert D[names.index("fisher"), j] == D[j, names.index("fisher")] == 0
    [axes, colorbar] = plotting.distances({"tanh": (names, D)}).axes
    assert [t.get_text() for t in axes.get_xticklabels()] == names and axes.get_title() == "tanh"
    assert sum(t.get_text() == "=" for t in axes.texts) == (D == 0).sum()
    assert "log10" in colorbar.get_ylabel()
