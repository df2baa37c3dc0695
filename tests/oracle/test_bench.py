"""The bench as a command: tables, files, refusals, threads, and how exponents are found."""

import json
import os

import numpy as np
import pytest

from reference import plotting
from reference.__main__ import main
from reference.oracle import races, scaling, threads


@pytest.fixture
def small(monkeypatch):
    """One small chain for every problem."""
    monkeypatch.setattr(races, "tasks", lambda rng, peers, problems, quantities: races.chain_tasks(
        rng, peers, quantities, widths=(64, 5, 4, 10), n=30))


def test_bench_prints_and_writes_its_times(small, tmp_path, capsys):
    assert main(["bench", "--rounds", "1", "--out", str(tmp_path / "new")]) == 0
    written = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert {t["task"].split(",")[0] for t in written["timings"]} >= {"Hessian", "Gauss-Newton"}
    assert "ms" in capsys.readouterr().out


def test_quantities_are_chosen_by_name(small, capsys):
    assert main(["bench", "--rounds", "1", "--json", "--quantities", "kfac,hvp"]) == 0
    timings = json.loads(capsys.readouterr().out)["timings"]
    assert {t["task"].split(",")[0] for t in timings} == {"H v", "K-FAC factors"}


def test_bench_refuses_an_unknown_peer_before_any_work(capsys):
    assert main(["bench", "--peers", "fortran"]) == 2
    assert "choose among jax, torch" in capsys.readouterr().err


@pytest.mark.parametrize("options, words", [
    (["--problems", "chain,vgg"], "choose among kbfgs, chain, chain16, chain196, lenet, lstm, autoenc"),
    (["--quantities", "fisher"], "choose among gradient, hvp, ggnvp, hessian"),
    (["--budget", "-1"], "no positive number of seconds"),
    (["--budget", "nan"], "no positive number of seconds"),
    (["--threads", "1,0"], "no whole number >= 1"),
], ids=lambda a: " ".join(a) if isinstance(a, list) else "")
def test_bench_refuses_what_is_no_option(options, words, capsys):
    with pytest.raises(SystemExit):
        main(["bench", *options])
    assert words in capsys.readouterr().err


# ---- threads ----

def test_a_child_runs_on_so_many_processors_and_is_told_so(tmp_path, capfd):
    out = tmp_path / "new"
    before = threads.available()
    assert main(["bench", "--problems", "chain16", "--quantities", "gradient", "--rounds", "1",
                 "--threads", "1", "--out", str(out)]) == 0
    report = json.loads((out / "threads-1" / "bench.json").read_text())
    assert [t["contestant"] for t in report["timings"]] == ["reference"]
    if hasattr(os, "sched_setaffinity"):
        assert f"1 of {os.cpu_count()} CPUs" in report["machine"]
    assert "== 1 thread ==" in capfd.readouterr().out and threads.available() == before


def test_what_fails_in_a_child_fails_here(capfd):
    assert main(["bench", "--peers", "fortran", "--threads", "1"]) == 2
    assert "choose among jax, torch" in capfd.readouterr().err


def test_every_pool_is_told_its_threads(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    one, two = threads.environment(1), threads.environment(2)
    assert {one[name] for name in threads.POOLS} == {"1"}
    assert {two[name] for name in threads.POOLS} == {"2"}
    assert one["XLA_FLAGS"] == "--mine --xla_cpu_multi_thread_eigen=false"
    assert two["XLA_FLAGS"] == "--mine"


# ---- scaling ----

TINY = scaling.Sizes((3, 5, 8, 12), 20, 4, (8, 16, 32, 64))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(scaling, "LEAST", 0.0)
    monkeypatch.setattr(scaling, "operation_rate", lambda: 1e9)
    monkeypatch.setattr(scaling.growths, "__defaults__",
                        (dict.fromkeys(scaling.ASKED, TINY),))


def test_scaling_writes_numbers_and_picture(tiny, tmp_path, capsys):
    assert main(["bench", "--scaling", "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "scaling.json").read_text())
    assert len(written["growths"]) == 2 * len(scaling.ASKED)
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
    assert "Hessian" in capsys.readouterr().out


def test_exponents_are_those_of_powers_over_the_upper_half():
    sizes = np.array([1, 2, 4, 8, 16, 32.0])
    bent = np.where(sizes < 8, 7.0, sizes ** 1.5)         # a constant cost, then a power
    assert abs(scaling.exponent(sizes, bent) - 1.5) < 1e-12
    assert abs(scaling.exponent(sizes, sizes ** 2) - 2) < 1e-12


def test_the_least_arithmetic_is_that_of_products_counted_one_by_one():
    """s = W p: an (O, N) product of I terms, forwards; and so on, written out for 2-3-2, N = 5."""
    shapes, n = [(3, 3), (2, 4)], 5
    forwards, weights, inputs = 3 * 3 + 2 * 4, 3 * 3 + 2 * 4, 2 * 4
    assert scaling.operations("gradient", shapes, n) == 2 * n * (forwards + weights + inputs)
    tangents = (3 * 3 + 2 * 2 * 4) + 2 * inputs + (3 * 3 + 2 * 2 * 4)
    assert scaling.operations("hvp", shapes, n) == 2 * n * (forwards + inputs + tangents)
    entries = 6 * 6 + 3 * 2 * 3 * 4 + 3 * 10              # as the limit multiplies
    assert scaling.operations("hessian", shapes, n) == 2 * n * entries
    assert scaling.operations("gauss_newton_blocks", shapes, n) == 2 * n * (6 * 6 + 3 * 10)


def test_memory_counts_what_a_run_takes_at_its_highest_and_not_before():
    kept = np.ones(10 ** 6)
    peak = scaling._peak(lambda: (kept + 1).sum())
    assert 8 * 10 ** 6 <= peak < 9 * 10 ** 6


def test_the_picture_of_scaling_has_a_line_and_its_limit_for_every_quantity():
    growths = [scaling.Growth("H v", against, [1, 2], [1.0, 2.0], [8, 16], [10, 20],
                              {"seconds": 1.0, "bytes": 1.0, "operations": 1.0})
               for against in "PN"]
    figure = plotting.scaling(growths, 1e9)
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 1, 1]
