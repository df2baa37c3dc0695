"""Every example runs from any directory, without a warning, and prints what it is there to show."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from reference.derivatives.routes import ROUTES
from reference.network.elementwise import ACTIVATIONS
from reference.network.losses import LOSSES
from reference.problems import ZOO

FOLDER = Path(__file__).parents[1] / "examples"
SHOWS = {
    "01_first_derivatives.py": [r"gradient  backprop +\de-1\d +1[456]\.\d +14\.0",
                                r"hvp +central difference +\de-1\d +1\d\.\d +10\.0",
                                r"L\(theta \+ t v/\|v\|\) = \(2\.3802699228\) t\^0"],
    "02_hessian_and_gauss_newton.py": [r"\|H - G\| / \|H\| +0\.652",
                                       r"differ by \de-1[5-9]",
                                       r"\nG +largest 2\.5625 .* below -1e-12: 0\n"],
    "03_prove_digits.py": [r"assembled +error <= \de-1\d +15\.\d digits  ok",
                           r"float32 .* WRONG", r"column-major vec .* WRONG",
                           r"off by 1e-9 of itself +error <= 1e-10 .* WRONG",
                           r"entry \(3, 4\)"],
    "04_add_your_own.py": [r"dW by autograd +\d\.\de[-+]\d\d .* ok\n",
                           r"each +- +- +not asked: not affine", r"promises asked, all kept",
                           r"product H v +five points +proven +1\d\.\d  ok",
                           r"Gauss-Newton G .* ok\n",
                           r"backprop +agreed +0\.7  proven 15\.\d  FAILED"],
    "05_places_and_steps.py": [r"kernels at 36 places.* 8\.8e-01 +2\.9e-01",
                               r"W_hh of an LSTM.* 5\.7e-01 +1\.5e-01",
                               r"mean over places.* 9\.7e-01 +\d\.\de-1[5-9]",
                               r"next row +\d\.\de-1[5-9] +5\.8e-03"],
    "06_the_family_of_matrices.py": [r"Hessian H +0\.000 +0\.354 +28 +4 +91 +13\.606\n",
                                     r"EKFAC +0\.483 +0\.434 +0 +4 +119 +10\.331\n",
                                     r"K-FAC +0\.117 +0\.266 +0\.547\n",
                                     r"nearest products +0\.070 +0\.222 +0\.540\n",
                                     r"negative curvature of H -0\.056598, residual \de-1[4-7]",
                                     r"xtrace +13\.\d+ \+- 0\.0\d+, 100 products"],
    "07_when_kbfgs_diverges.py": [r"seed \d:\n +diverged: step \d+ raised its batch's loss from ",
                                  r"seed \d:\n.*; it was [3-9]\.\d x\n",
                                  r"first other law: step \d+ breaks 'definite': least eigenvalue",
                                  r"safeguard 0\.0, seed 5:( 1[56]\.\d\d){5}\n"],
}
PICTURES = {"01_first_derivatives.py", "02_hessian_and_gauss_newton.py", "05_places_and_steps.py",
            "06_the_family_of_matrices.py"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run an example in an empty directory; what it adds to the tables is taken away again."""
    before = [(table, dict(table)) for table in (ACTIVATIONS, LOSSES, ROUTES, ZOO)]
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    yield run
    for table, lines in before:
        table.clear()
        table.update(lines)


def missing(output, patterns):
    return [pattern for pattern in patterns if not re.search(pattern, output)]


def test_every_example_is_listed_and_short():
    assert {path.name for path in FOLDER.glob("*.py")} == set(SHOWS)
    assert all(len((FOLDER / name).read_text("utf-8").splitlines()) <= 80 for name in SHOWS)


@pytest.mark.parametrize("name", SHOWS)
def test_an_example_shows_what_it_is_there_for_and_writes_nothing(name, run, tmp_path):
    assert missing(run(name), SHOWS[name]) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_is_written_where_it_is_asked_for(name, run, tmp_path):
    run(name, "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_line_that_is_not_printed_would_be_missed():
    assert missing("assembled  error <= 7e-16   9.3 digits  ok", SHOWS["03_prove_digits.py"][:1])
