"""The race is fair, lets nobody in with another answer, and says what it left out."""

import time

import numpy as np
import pytest

from reference.oracle import timing
from reference.oracle.timing import OURS, Divisible, race

SQUARE = np.arange(1.0, 401.0).reshape(20, 20)


def by_rows(make, calls=None, size=20, step=2):
    """A contestant that takes 2 ms, and 5 ms a row."""
    def rows(k):
        def run():
            time.sleep(0.002 + 0.005 * k)
            if calls is not None:
                calls.append(k)
            return make(k)
        return run
    return Divisible(rows(size), rows, timing.leading_rows, size, step, "rows")


def test_a_contestant_with_another_answer_is_not_timed():
    wrong = {OURS: lambda: np.ones(3), "peer: form": lambda: np.ones(3) + 1e-6}
    with pytest.raises(ValueError, match="shares only 6.0 digits"):
        race("task", wrong, rounds=1)


def test_float32_needs_the_digits_of_float32():
    ours, off = np.ones(3, np.float32), np.float32(1e-5)
    race("task", {OURS: lambda: ours, "peer: form": lambda: ours + off}, rounds=1)
    with pytest.raises(ValueError, match="shares only 3.0 digits"):
        race("task", {OURS: lambda: ours, "peer: form": lambda: ours + 100 * off}, rounds=1)


def test_whoever_is_slow_runs_in_the_first_round_only(monkeypatch):
    monkeypatch.setattr(timing, "PATIENCE", 0.01)
    calls = {"fast": 0, "slow": 0}

    def takes(seconds, name):
        def run():
            calls[name] += 1
            time.sleep(seconds)
            return np.ones(1)
        return run
    race("task", {OURS: lambda: np.ones(1), "peer: fast": takes(0.03, "fast"),
                  "peer: slow": takes(0.09, "slow")}, rounds=5)
    assert calls["slow"] == 3                             # compared, and twice in the first round
    assert calls["fast"] == 11                            # slower than we, but no peer is faster


def test_only_what_is_shared_among_directions_is_divided_by_them():
    def run():
        time.sleep(0.03)
        return np.ones(1)
    *_, many, blocks = race("task", {OURS: run, f"32 H v {timing.EACH}": run,
                                     "peer: of each block": run}, rounds=1)
    assert many.seconds < 0.03 / 16 and blocks.seconds >= 0.03


# ---- parts ----

def test_a_form_over_the_budget_is_timed_by_its_parts_and_marked():
    """Eight rows take 42 ms at least."""
    calls = []
    contestants = {OURS: lambda: SQUARE, "peer: form": by_rows(lambda k: SQUARE[:k], calls)}
    _, theirs = race("task", contestants, rounds=3, budget=0.03)
    assert set(calls) == {2, 8}                           # never the whole
    assert theirs.note == "extrapolated from 8 of 20 rows"
    assert theirs.seconds > 0.04


def test_the_line_through_two_parts_is_drawn_to_the_whole(monkeypatch):
    """2 + 5 k ms at k = 20 is 102 ms; if the first part times size/step is within, nothing is."""
    parts = {"fixed": 0.002}
    monkeypatch.setattr(timing, "_part_seconds", lambda *given: parts["fixed"] + 0.005 * given[-1])
    form = by_rows(lambda k: SQUARE[:k])
    assert abs(timing._projected("task", "form", form, SQUARE, 0.1) - 0.102) < 1e-15
    assert timing._projected("task", "form", form, SQUARE, np.inf) == 0
    parts["fixed"] = -0.0002                              # 98 ms, by the first part 10 times
    assert timing._projected("task", "form", form, SQUARE, 0.1) == 0


def test_a_form_within_the_budget_runs_whole():
    calls = []
    contestants = {OURS: lambda: SQUARE, "peer: form": by_rows(lambda k: SQUARE[:k], calls)}
    _, theirs = race("task", contestants, rounds=1, budget=10)
    assert calls.count(20) == 3 and theirs.note == "" and theirs.seconds > 0.1


def test_a_part_with_another_answer_is_refused_although_the_whole_never_runs():
    contestants = {OURS: lambda: SQUARE,
                   "peer: form": by_rows(lambda k: SQUARE[:k] * (1 + 1e-6))}
    with pytest.raises(ValueError, match="task, 2 rows: peer: form shares only 6.0 digits"):
        race("task", contestants, rounds=1, budget=0.001)


def test_what_holds_too_much_is_left_out_without_a_run(monkeypatch):
    def never():
        raise MemoryError
    greedy = Divisible(never, never, None, 20, 2, "rows", bytes=3e10)
    _, theirs = race("task", {OURS: lambda: SQUARE, "peer: form": greedy}, rounds=1)
    assert theirs.seconds is None and theirs.note == "left out: holds 30 GB at once"


def test_the_rows_of_a_part_are_found_in_a_matrix_and_in_blocks():
    blocks = [SQUARE, SQUARE[:3, :3]]
    for answer, part in ((SQUARE, SQUARE[:2]), (blocks, [SQUARE[:2]]),
                         (blocks, [SQUARE, SQUARE[:2, :3]])):
        found = timing.leading_rows(answer, 2, part)
        assert timing.agreement(part, found) == np.inf
