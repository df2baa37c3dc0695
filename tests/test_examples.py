"""Every lesson and study runs from any directory, without a warning, and prints what it shows.

A line of SHOWS states numbers, not words alone: where every digit of the output is another one, it
must no longer be found.
"""

import ast
import io
import re
import runpy
import sys
import tokenize
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from reference.derivatives.routes import ROUTES
from reference.network.elementwise import ACTIVATIONS
from reference.network.losses import LOSSES
from reference.problems import ZOO

FOLDER = Path(__file__).parents[1] / "examples"
SHOWS = {
    "01_what_a_derivative_costs.py": [
        r"g\^T v = 0\.0414844198, and the error is proven to be below 1e-15: True",
        r"forward difference +at its best +[789] digits, at h = 1e-20 +0\n",
        r"central difference +at its best 1[012] digits, at h = 1e-20 +0\n",
        r"complex step +at its best 15 digits, at h = 1e-20 15\n",
        r"P = 301066: differences 301067 values of L, backpropagation 2\.89 by count",
        r"autograd +as exact as expected, 14 digits: True",
        r"curve forward .* 1 to 0\.379.*\n.* central .* to 0\.00177.*\n.*x step: .* to 0\.00308"],
    "02_the_complex_step.py": [
        r"h = 1e-05: relative error 3e-10\n", r"h = 1e-100: relative error below 1e-14\n",
        r"real part 15\.0, imaginary part 31 h",
        r"vdot +-3\.0000 +3\.0000 +3\.0000\n", r"sign +-6\.6623 +-2\.0000 +-2\.0000\n",
        r"max +slope along v \+ slope along -v: 3, branch on the real part 0\n",
        r"g\^T v = -0\.2393412554\n", r"route 'dual': closer than 1e-13 .*: True",
        r"u\^T H v = 6\.204204, v\^T H u = 6\.204204",
        r"truth: from -3 to 5.*\n.* it: from -1 to -1.*\n.* truth: from -1 to 1.*\n"
        r".* it: from -1\.67 to 3,"],
    "03_four_number_systems.py": [
        r"dual: 3 products are not 0\n +1 +e\n +e +0\n",
        r"bicomplex: 16 products are not 0\n +1 +i +j +ij\n +i +-1 +ij +-j\n",
        r"f, f', f', f'' = 1\.8221 5\.4664 5\.4664 16\.3991\n",
        r"g\^T v +by dual +0\.0466235556  as proven, to 1e-13: True",
        r"u\^T H v +by hyper-dual +-0\.0038728363  as proven, to 1e-13: True",
        r"u\^T H v +by bicomplex +-0\.0038728363  as proven, to 1e-13: True",
        r"H \(145, 145\), symmetric to rounding: True",
        r"differences of L: .* to 0\.0888.*\n.* step of g: .* to 0\.075.*\n"
        r".*comple. L: .* to 0\.0975"],
    "04_backpropagation_as_algebra.py": [
        r"64 inputs, +1 outputs: forward +266,240, reverse +8,192\n",
        r"64 inputs, +64 outputs: forward +524,288, reverse +524,288\n",
        r"W2 \(10, 17\) = sum over n of g \(10,\) times p \(17,\)",
        r"the same as ref\.gradient to 1e-15: True",
        r"rank of one example's gradient: 1, of the mean over 200: 16",
        r"= 119\.908483, \(J\^T u\)\^T v = 119\.908483\n",
        r"= 119\.908483, \(without tanh'\)\^T v = 135\.182394\n",
        r"forward order: .* to 4\.46.*\ncurve reverse order: .* to 8\.39",
        r"image p .* mean 0\.26\nimage gradient .* to 0\.453"],
    "05_the_hessian_of_a_network.py": [
        r"\[\[10\.3 17\.8 +8\.7\]\n", r"blocks of W1, W2, W3: \[-0\.169 -0\.087 +0\. +\]",
        r"W3: 0% with cross-entropy, 90% with", r"81 negative, 5 zero, 94 positive",
        r"step +0: negative part 0\.38, ", r"step 100: negative part 0\.03, ",
        r"10 classes: .* behind eigenvalue 9,", r"\n6 classes: .* behind eigenvalue 5,",
        r"diagonal blocks: 0\.35\n", r"step +0: .* 76% within", r"step 100: .* 93% within",
        r"curve step 100: from 1\.71 to -0\.0159,", r"curve step 100: from 1\.71 to 0\.0951,"],
    "06_gauss_newton_and_fisher.py": [
        r"H +Inertia\(negative=79, zero=5, positive=96\)", r"of 5 examples .* positive=45\)",
        r"tanh +\[0\.53 0\.42 0\.35 0\. +\]", r"relu +\[0\.67 0\. +0\. +0\. +\]",
        r"tanh, residuals 0 +\[0\. 0\. 0\. 0\.\]", r"softmax 0\.00, learned variance 0\.55",
        r"error ~ M\^-0\.5;  empirical: 0\.51", r"empirical matrix: 0\.0, of F: 46\.3",
        r"H: from 0\.005.*\nimage Gauss-.* from 0\.005.*\nimage H - G: from -9\..*, mean -0\.00082",
        r"curve labels of the model: from 0\.2.* to 0\.01.*\n.*\n"
        r"curve .* the data: from 0\.507 to 0\.507"],
    "07_kronecker_factors.py": [
        r"entropy, start +0\.19 +0\.17 +0\.17 +0\.11\n", r"100 steps +0\.65 +0\.65 +0\.62 +0\.63\n",
        r"one example( +0\.00){4}\n", r"linear, squared error( +0\.00){4}\n",
        r"linear, cross-entropy +0\.70 +0\.70 +0\.52 ", r"pi = 3\.12: .* 2\.54; pi = 1: 4\.00",
        r"the next +expand 0\.00, reduce 0\.09 ", r"mean over places +expand 0\.97, reduce 0\.00 ",
        r"classifier +expand 0\.90, reduce 0\.18 ",
        r"exact: from 0\.276.*\nimage K-FAC: from 0\.413.*\n"
        r"image nearest product: from 0\.421 to 0\.672",
        r"bars K-FAC at the start: from 0\.173.*\n.*\nbars K-FAC: from 0\.145.*\n"
        r"bars EKFAC:.* 0\.6",
        r"image exact: from 0\.204.*\nimage expand: .* to 0\.0795.*\n"
        r"image reduce: from 0\.152 to 0\.799"],
    "08_bfgs_and_kbfgs.py": [r"median: 0\.08, the floor: 0\.32; damped: 19\d of 200 pairs",
                             r"M 36, Hg M Ha 4\d, M Ha 20, K-FAC 23 degrees",
        r"plain: least: .* to -1,.*\ncurve plain: largest: .* to 1,.*\n"
        r"curve damped: least: .* to 0\.2,",
        r"H_g\$: least: from 1 to 0\.3.*\n.*: largest: from 1 to 3\.2.*\ncurve \$M\$: from 45"],
    "10_proofs.py": [
        r"53 bits: 1/3 = \[0\.333333333333333 \+/- 3\.71e-16\]", r"0\.0, 0\.0 and 1\.699342e-17\n",
        r"53 bits: \[\+/- 5\.56e-16\]\n +80 bits: \[1\.699342e-17 ",
        r"I = 3, and 3 eigenvalues .* 1e-14", r"384 bits: \|H u\| < 1e-114\n",
        r"hessian \(51, 51\): .* 96 bits; .* \(15\.\d digits", r"by autograd +error <= \de-16  ok",
        r"rounded to float32 +error <= 5e-08  WRONG", r"one entry nudged +error <= 1e-10  WRONG",
        r"not proven with up to 192 bits: .* straddles a kink",
        r"15 digits proven, and 0\.009 away",
        r"radius: proven: from 8\.61e-05 .*\ncurve error of the midpoint: .*\n"
        r".*float64: from \d\.\d+e-15",
        r"curve s = 1: .* to 47,.*\ncurve s = 10: .* to 39\.4,.*\ncurve s = 20: from 0 to 30\.7,"],
    "11_check_your_own_kfac.py": [
        r"constant 1\n  wrong: A: that x N, G: that x 1/N\^2\n",
        r"empirical Fisher\n  wrong: A: that x N, G: that x 1/N\^2\n",
        r"empirical Fisher\n  wrong: G: that x 1/N\^2\n", r"block 1 of the Hessian H, times N\n",
        r"N = 11: ours x 1/C\nN =  7: ours x 1/N\n  weak: N = C = 7: a factor",
        r"always yes +misses (\d\d) of \1 faults\nthe loss falls +misses 1\d of \d\d ",
        r"\nref.check +misses  0 of \d\d faults\n"],
    "13_one_gpu.py": [
        r"P = 4744, gradients here and on the host agree to 1e-12: True\n",
        r"P = 49760: H +40\d{3} MB, factors 2\.2 MB\n",
        r"float64 right digits of g: 1[456], of y: 1[01]\n",
        r"float32 right digits of g: [67], of y: [12]\n",
        r"TF32 +right digits of g: 3, of y: 0\n",
        r"K-BFGS length 3\.0: L = 46\.09 -> 18\.\d\n",
        r"Adam   length 0\.03: L = 46\.09 -> 20\.\d\n",
        r"(curve K-BFGS: from 46\.1 to 18.*\ncurve Adam: from 46\.1 to 20.*\s*){2}"],
    "09_negative_curvature.py": [
        r"ends at L = 0\.50 Newton, 0\.00 HessianFree, 0\.00 NewtonKrylov",
        r"-0\.0229 of the Hessian, -0\.0002 of its blocks",
        r"clipped left after  1 steps.*\nNewtonKrylov +left after 30 steps, .* 2\.30\d\n",
        r"HessianFree +left after 11 .* 0\.000\n.*search .* 0\.\d+\nblocks, model .* 0\.000\n",
        r"do the same: t = 0\.5\n",
        r"curve Newton: from 0\.5 to 0,.*\ncurve HessianFree: from 0\.5 to 1\.0",
        r"the loss: .* to -0\.217.*\ncurve Hessian: .* to -0\.187.*\n"
        r"curve Gauss-Newton: .* to -0\.0037"],
    "12_curvature_through_time.py": [
        r"rho = 0\.5: mean \|J_1\| 0\.008, .* 0\.341 of \|B\|",
        r"rho = 2: mean \|J_1\| 10\.113, ",
        r"rho = 1   times identity +0\.86 +0\.18\n", r"rho = 1   times rotation +0\.94 +0\.45\n",
        r"a net at rest +3e-01 +\de-1[4-9]\n",
        r"every step +\de-1[4-9] +2e-01\na label of the mean +9e-01 +\de-1[4-9]\n",
        r"rho = 2   times identity +0\.62 +1\.13\n", r"rho = 2   times rotation +1\.45 +0\.97\n",
        r"image .* = 0\.5: .* to 0\.341.*\n.*\nimage .* = 2: from 0\.153 ",
        r"curve .* = 2: from 10\.1 to 0\.4"],
    "studies/kbfgs_on_a_gpu.py": [
        r"   20 .* 1[56]\.\d\d", r"from 43\.88 to 1[56]\.\d\d, on test images to 1[789]\.\d\d\n"],
    "studies/when_kbfgs_diverges.py": [
        r"seed \d:\n +diverged: step \d+ raised its batch's loss ",
        r"seed \d:\n.*; it was [3-9]\.\d x\n",
        r"first other law: step \d+ breaks 'definite': least eigen",
        r"safeguard 0\.0, seed 5:( 1[56]\.\d\d){5}\n"],
}
PICTURES = {"06_gauss_newton_and_fisher.py", "07_kronecker_factors.py"}
WORDS = {"studies/when_kbfgs_diverges.py": 3}      # lines without a number
QUIET = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
         tokenize.ENCODING, tokenize.ENDMARKER}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run an example in an empty directory; what it adds to the tables is taken away again."""
    before = [(table, dict(table)) for table in (ACTIVATIONS, LOSSES, ROUTES, ZOO)]
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")

    def run(name, *arguments):
        drawn = []
        monkeypatch.setattr(plt, "show", lambda: drawn.extend(draw()))
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with matplotlib.rc_context():
            runpy.run_path(str(FOLDER / name), run_name="__main__")
        assert plt.get_fignums() == [], "a picture is shown where it is made: plt.show()"
        return "\n".join([capsys.readouterr().out, *drawn])

    yield run
    plt.close("all")
    for table, lines in before:
        table.clear()
        table.update(lines)


def draw():
    """What plt.show does where there is no screen: draw every picture, tell it, and forget it."""
    told = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.canvas.draw()
        for axes in figure.axes:
            labelled = (any(ax.get_xlabel() for ax in axes.get_shared_x_axes().get_siblings(axes))
                        and any(ax.get_ylabel()
                                for ax in axes.get_shared_y_axes().get_siblings(axes)))
            exempt = axes.images or not axes.axison or axes.get_label() == "<colorbar>"
            assert labelled or exempt, f"a picture whose axes have no labels: {axes}"
            told += drawn_on(axes)
    plt.close("all")
    return told


def drawn_on(axes):
    """A line of text for each image, and curve or bars with a label: to swap labels changes it."""
    parts = [("curve", line.get_label(), line.get_ydata()) for line in axes.get_lines()]
    parts += [("bars", each.get_label(), each.datavalues) for each in axes.containers]
    parts += [("image", axes.get_title(), image.get_array()) for image in axes.images]
    return [f"{kind} {name}: from {a[0]:.3g} to {a[-1]:.3g}, mean {a.mean():.2g}"
            for kind, name, a in ((kind, name, np.ravel(a)) for kind, name, a in parts)
            if not name.startswith("_")]


def missing(output, patterns):
    return [pattern for pattern in patterns if not re.search(pattern, output)]


def spoiled(output):
    """The output with every digit another one, and what went well gone wrong."""
    digits = re.sub(r"\d", lambda digit: str((int(digit[0]) + 5) % 10), output)
    return digits.translate({ord("+"): "-", ord("-"): "+"})


def code_lines(source):
    """Lines that hold code: no comments, no docstrings, no blank lines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    full = {line for token in tokens if token.type not in QUIET
            for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            full -= set(range(node.lineno, node.end_lineno + 1))
    return len(full)


def test_every_example_is_listed_and_short():
    assert {path.relative_to(FOLDER).as_posix() for path in
            [*FOLDER.glob("*.py"), *(FOLDER / "studies").glob("*.py")]} == set(SHOWS)
    lengths = {name: code_lines((FOLDER / name).read_text("utf-8")) for name in SHOWS}
    assert {name: length for name, length in lengths.items() if length > 80} == {}


def formless(name, source):
    """What a lesson lacks of a numbered title, cells of prose, a picture's caption, a question."""
    title, rule = ast.get_docstring(ast.parse(source)).splitlines()[:2]
    lacks = {"number": title.startswith(f"{int(name[:2])}. "), "rule": rule == "=" * len(title),
             "cells": source.count("\n# %%\n") >= 5, "question": "\n# **Try:**" in source,
             "caption": source.count("plt.show()") <= source.count("plotting.caption(")}
    return [what for what, there in lacks.items() if not there]


@pytest.mark.parametrize("name", [name for name in SHOWS if name[0].isdigit()])
def test_a_lesson_is_a_page_with_a_number_and_a_question(name):
    source = (FOLDER / name).read_text("utf-8")
    assert formless(name, source) == []
    assert formless("77" + name[2:], source.replace("Try", "").replace("===", "--", 1)) == [
        "number", "rule", "question"]


@pytest.mark.parametrize("name", SHOWS)
def test_an_example_shows_what_it_is_there_for_and_writes_nothing(name, run, tmp_path):
    output = run(name)
    print(output)
    assert missing(output, SHOWS[name]) == []
    assert list(tmp_path.iterdir()) == []
    blind = [line for line in SHOWS[name] if line not in missing(spoiled(output), SHOWS[name])]
    assert len(blind) <= WORDS.get(name, 0), f"found in an output of other digits: {blind}"


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_is_written_where_it_is_asked_for(name, run, tmp_path):
    run(name, "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_line_that_is_not_printed_would_be_missed():
    assert missing("error 7e-16, 9.3 digits", [r"error \de-1\d, 15\.\d digits"])
    assert missing(spoiled("15.3 digits"), [r"15\.\d digits"])
    assert not missing(spoiled("15.3 digits"), [r"\d+\.\d digits"])           # says nothing


def test_code_is_counted_without_what_explains_it():
    source = ('"""A title\n\nand a text."""\n\n# %%\n# Prose.\n\nx = (1,\n     2)    # why\n'
              'y = """a\nb"""\n')
    assert code_lines(source) == 4


def test_a_picture_without_labels_is_refused():
    plt.switch_backend("Agg")
    plt.figure().subplots().plot([0, 1])
    with pytest.raises(AssertionError):
        draw()
    plt.close("all")
