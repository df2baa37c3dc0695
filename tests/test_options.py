"""Types of options: what they take, and what they refuse in one sentence."""

import math
from argparse import ArgumentTypeError

import pytest

from reference.options import finite_seconds, natural, positive, seconds


def test_numbers_are_read():
    assert (natural("0"), positive("1"), seconds("0.5"), seconds("inf")) == (0, 1, 0.5, math.inf)
    assert finite_seconds("1e300") == 1e300


@pytest.mark.parametrize("kind, text", [
    (natural, "-1"), (natural, "1.0"), (natural, ""), (positive, "0"), (positive, "x"),
    *[(kind, text) for kind in (seconds, finite_seconds) for text in ("0", "-1", "nan", "soon")],
    (finite_seconds, "inf"), (finite_seconds, "1e400")])
def test_what_is_no_such_number_is_refused_and_repeated(kind, text):
    with pytest.raises(ArgumentTypeError) as refusal:
        kind(text)
    assert str(refusal.value).startswith(f"{text!r} is no ")
