"""Numbers and the judge's sentences in a student's words: yours, and the right one."""

import re

import numpy as np

FEW = 24                               # entries that can be followed by hand


def number(a):
    """An array in one line as a list to be copied, four digits."""
    return str((np.round(a, 4) + 0).tolist())


def both(theirs, right):
    """Two numbers, with as many digits as tell them apart."""
    digits = next((k for k in (6, 9, 12) if f"{theirs:.{k}g}" != f"{right:.{k}g}"), 17)
    return f"yours {theirs:.{digits}g}, right {right:.{digits}g}"


def entry(name, place):
    """ds[1, 2] (example, output), of an array and the judge's "example 1, output 2"."""
    axes = re.findall(r"(\w+) (\d+)", place)
    part = [("real", "imaginary")[int(k)] for axis, k in axes if axis == "part"]
    left = [(axis, k) for axis, k in axes if axis != "part"]
    at = f"[{', '.join(k for _, k in left)}]"
    at += "" if place.startswith("entry") else f" ({', '.join(axis for axis, _ in left)})"
    return "".join(f"the {each} part of " for each in part) + name + (at if left else "")


def values(named):
    """A line `name = value` for each."""
    return [f"    {name} = {number(a) if isinstance(a, np.ndarray) else a}"
            for name, a in named.items()]


def shapes(named):
    """dW (2, 3), dx (5, 2)"""
    return ", ".join(f"{name} {np.shape(a)}" if isinstance(a, np.ndarray) else f"{name} = {a}"
                     for name, a in named.items())


def followed(named):
    """The arguments, where they are few enough to be followed by hand; else their shapes."""
    if sum(np.size(a) for a in named.values()) <= FEW:
        return ["with", *values(named)]
    return [f"with {shapes(named)}"]


WORDS = ((r"none of the known causes fits(; the nearest, .*)?",
          "no known slip gives these numbers"),
         (r"theirs is ours", "it is right"), (r"\bthat x ", "that times "),
         (r"(.*?: )?ours x ", r"\1it is the right answer times "),
         (r" \(no known constant\)", ""), (r"its axes are", "it is transposed: its axes are"),
         (r"Move the axes\.", "Transpose it."), (r"; or ask for kind='empirical'", ""),
         (r", or pass dtype= and be judged by that", ""),
         (r"\btheirs\b", "yours"), (r"\bours is\b", "right is"), (r"\bours\b", "the right one"),
         (r"; next, .*$", ""), (r" \(residual [^)]*\)", ""))


def told(text):
    """A sentence of the judge for a student."""
    for pattern, words in WORDS:
        text = re.sub(pattern, words, text)
    return text


def sentence(text):
    """With a full stop."""
    return text if not text or text[-1] in ".!?" else text + "."
