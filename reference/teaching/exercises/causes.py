"""What the judge's Explanation of one array says to a student, and what no explanation says."""

import numpy as np

from ...oracle.judge.approximations import stored_as
from .words import sentence, told

UNKNOWN = "no known slip gives these numbers"
NEARLY = 1e-3                          # relative distance of an approximation


def cause(case, best):
    """The sentence of an Explanation, and what to do."""
    advice = advised(case, best) + [scale(f, case.constants) for f in best.factors.values()]
    return " ".join(filter(None, [sentence(told(best.text)), *map(told, advice)]))


def advised(case, best):
    """What to do about the slip and the arrangement that an Explanation names."""
    both = {each.name: each.advice for each in (*case.contents, *case.arrangements)}
    return [both.get(best.content, ""), both.get(best.arrangement, "")]


def scale(factor, constants):
    """What a Factor of a student's answer means."""
    if not factor.named:
        return "Look for a number that is missing or used twice."
    said = [OTHER.get(symbol[0], SCALES)[power > 0].format(symbol, f"{constants[symbol]:g}")
            for symbol, power in factor.powers]
    return " ".join(said + ["The sign is reversed."] * (factor.value < 0))


SCALES = ("{0} is {1} here: something is divided by {0} that should not be.",
          "{0} is {1} here: something is multiplied by {0}, or a division by it is missing.")
OTHER = {"2": ("One half of it is missing.", "A term is counted twice, or a 1/2 is missing."),
         "h": ("It is divided by the step h once too often.",
               "Divide the imaginary part by the step h.")}


def unknown(theirs, distance):
    """What numbers without a known cause tell."""
    if not np.any(theirs[0]):
        return "it is 0 in every entry"
    if not distance < NEARLY:
        return UNKNOWN
    digits, stored = int(-np.log10(max(distance, 1e-16))), stored_as(theirs)
    why = f"they are stored in {stored}, so compute in float64" if stored else (
        "this is an approximation, such as by a step h that is too large, a difference quotient, "
        "an epsilon added, or float32 somewhere")
    return f"only {digits} digits are right: {why}"
