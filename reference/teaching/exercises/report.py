"""The judge's report on a network's arrays, in the names of the task."""

import re

import numpy as np

from .causes import unknown
from .words import both, sentence, told


def flat(arrays):
    """Arrays, one after the other, as theta."""
    return np.concatenate([np.ravel(a) for a in arrays])


def reported(report, arrays):
    """Cause, advice, and the first wrong matrix in the order of backpropagation."""
    best = report.explanation
    if best is None or best.plain:
        lines = [sentence(unknown([flat(arrays)], report.distance))]
    else:
        lines = [f"{sentence(of_student(best.text))} {of_student(best.advice)}".rstrip()]
    if report.first_wrong:
        first = sorted(set(re.findall("W[12]", of_student(report.first_wrong))))
        lines.append("first wrong, in the order of backpropagation: what belongs to "
                     f"{', '.join(first)}. Mend that first.")
    return lines


NAMES = ((r"\b0\.(bias|weight) and 0\.(weight|bias)", "W1"),
         (r"\b2\.(bias|weight) and 2\.(weight|bias)", "W2"),
         (r"\b0\.bias", "the bias column of W1"), (r"\b2\.bias", "the bias column of W2"),
         (r"\b0\.weight", "W1"), (r"\b2\.weight", "W2"), (r"\bmatrix 0", "W1"),
         (r"\bmatrix 1", "W2"), (r", or use reduction=\"sum\"", ""),
         (r", or take gradients of the sum", ""), (r"Hand over the biases, too\.",
         "The last column of a matrix is its bias."))


def of_student(text):
    """A sentence of the judge with the student's names for things."""
    for pattern, words in NAMES:
        text = re.sub(pattern, words, text)
    return told(text)


def worst(arrays, expected):
    """The entry furthest off, by the student's names, where shapes agree."""
    pairs = [(name, a, b) for a, (name, b) in zip(arrays, expected.items()) if a.shape == b.shape]
    off = [np.abs(a - b).max() for _, a, b in pairs]
    if not off or max(off) == 0:
        return []
    name, a, b = pairs[int(np.argmax(off))]
    at = tuple(map(int, np.unravel_index(np.argmax(np.abs(a - b)), b.shape)))
    return [f"worst entry: {name}{list(at)}: {both(a[at], b[at])}"]
