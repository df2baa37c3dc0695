"""What changed between two packs: cases, quantities, problems, and numbers beyond their radius."""

from dataclasses import replace

import pytest

import reference as ref
from reference.oracle.golden.asked import ASKED
from reference.oracle.golden.cases import case
from reference.oracle.golden.digits import allowed
from reference.oracle.judge.subjects import THETA, whole


def test_diff_tells_cases_quantities_and_problems_apart(pack, copy, changed):
    def change(manifest):
        del manifest["cases"]["batchnorm"]
        del manifest["cases"]["dense"]["quantities"]["hvp"]
    changed(change)
    assert ref.golden.diff(pack, copy) == ["case batchnorm is gone", "dense: quantity hvp is gone"]
    assert ref.golden.diff(copy, pack) == ["case batchnorm is added",
                                           "dense: quantity hvp is added"]
    changed(lambda m: m["cases"]["dense"].update(l2=0.5))
    assert "dense: its l2 differs" in ref.golden.diff(pack, copy)


@pytest.mark.parametrize("size, told", [(1e-13, False), (1e-6, True)])
def test_diff_tells_numbers_that_moved_further_than_they_may(tmp_path, monkeypatch, size, told):
    asked = ASKED["hvp"]
    for name, c in (("old", 1), ("new", 1 + size)):
        def scaled(objective, theta, v, c=c):
            return c * ref.hvp(objective, theta, v)
        subject = replace(asked.subject, pieces=whole(scaled, THETA))
        monkeypatch.setitem(ASKED, "hvp", replace(asked, subject=subject, rival=scaled))
        ref.golden.write(tmp_path / name, ["dense"])
    found = ref.golden.diff(tmp_path / "old", tmp_path / "new")
    assert [line.startswith("dense: hvp: numbers moved by") for line in found] == [True] * told


def test_proven_radii_add_up_and_agreed_digits_are_margins():
    assert allowed({"radius": 1e-17}, {"radius": 2e-17}, 5.0) == pytest.approx(3e-17)
    assert allowed({"agreed": 8.0}, {"radius": 1e-17}, 5.0) == pytest.approx(5e-7)
    assert allowed({}, {"agreed": None}, 5.0) == pytest.approx(5e-10)
