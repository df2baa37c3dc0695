"""identify on the command line: what is found, and what is refused."""

import json

import numpy as np
import pytest

import reference as ref
from reference.oracle import golden

NAME = "uncertain regression"


@pytest.fixture
def told(tmp_path, capsys):
    """(exit status, output, errors) of one array and the rest of a command line."""
    from reference.__main__ import main

    def ask(array, *options):
        np.savez(tmp_path / "G.npz", G=array)
        status = main(["identify", str(tmp_path / "G.npz"), *options])
        shown = capsys.readouterr()
        return status, shown.out, shown.err
    return ask


def test_an_array_of_a_problem(told):
    objective, theta = ref.problems.ZOO[NAME](np.random.default_rng(0))
    status, text, _ = told(objective.N * objective.grad(theta), "--problem", NAME)
    assert status == 0 and text.startswith("it is the gradient, times N")
    noise = np.random.default_rng(0).standard_normal(theta.size)
    status, text, _ = told(noise, "--problem", NAME, "--json")
    assert status == 1 and json.loads(text) == {"found": [], "nearest": None}


def test_an_array_of_a_pack(told, tmp_path):
    name = next(iter(golden.CASES))
    golden.write(tmp_path / "pack", cases=[name])
    objective, theta, given = golden.load_case(tmp_path / "pack", name)
    status, text, _ = told(ref.hvp(objective, theta, given["v"]), "--pack",
                           str(tmp_path / "pack"), "--case", name)
    assert status == 0 and "H v" in text
    status, _, error = told(theta, "--pack", str(tmp_path / "pack"), "--case", "none")
    assert status == 2 and "no case 'none'" in error


def test_what_is_refused(told):
    status, _, error = told(np.ones(3), "--problem", NAME, "--array", "H")
    assert status == 2 and "no array 'H'; it has G" in error
    status, _, error = told(np.array([np.nan]), "--problem", NAME)
    assert status == 2 and "not finite" in error
