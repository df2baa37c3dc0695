"""A run that is killed at any moment leaves whole files, and resumed ends as if it had not been."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reference.training import checkpoint, record
from tests.training.runs import numbers, run

ROOT = Path(__file__).parents[2]


def started(name, folder, epochs):
    """A process that trains, once it says that it has started."""
    process = subprocess.Popen([sys.executable, "-m", "tests.training.runs", name, folder,
                                str(epochs)], cwd=ROOT, stdout=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(ROOT)})
    process.stdout.readline()
    return process


def require_whole(folder):
    """Every file with a name of its own can be read; the number of epochs that are safe."""
    found = checkpoint.listed(folder) if folder.is_dir() else []
    epochs = [checkpoint.load(path)[0].epoch for path in found]
    assert len(found) <= 3                      # two, and one that was not yet removed
    if (folder / "record.npz").exists():
        record.read(folder / "record.npz")
    if (folder / "record.csv").exists():
        assert (folder / "record.csv").read_bytes().endswith(b"\n")
    return max(epochs, default=0)


def killed(name, folder, epochs, kills, longest):
    """How many runs were killed before they ended; no epoch that was safe is lost."""
    rng, safe, caught = np.random.default_rng(0), 0, 0
    for _ in range(kills):
        process = started(name, folder, epochs)
        time.sleep(longest * rng.random())
        caught += process.poll() is None
        process.kill()
        process.communicate()
        assert require_whole(folder) >= safe
        safe = require_whole(folder)
    return caught


def ends_as_uninterrupted(name, folder, epochs):
    one, whole = run(name, folder, epochs, resume=True), run(name, None, epochs)
    return all(np.array_equal(a, b, equal_nan=True)
               for a, b in zip(numbers(*one), numbers(*whole), strict=True))


def test_killed_twice(tmp_path):
    assert killed("kbfgs", tmp_path / "run", 25, 2, 0.1)
    assert ends_as_uninterrupted("kbfgs", tmp_path / "run", 25)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kbfgs", "adam", "kfac"])
def test_killed_twenty_times(name, tmp_path):
    assert killed(name, tmp_path / "run", 400, 20, 0.3) > 15
    assert ends_as_uninterrupted(name, tmp_path / "run", 400)


def test_a_checkpoint_written_in_place_would_be_met_half_written(tmp_path):
    """The counterexample: without the rename, a kill in the middle leaves what cannot be read."""
    run("sgd", tmp_path)
    path = checkpoint.listed(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cannot be read"):
        require_whole(tmp_path)
