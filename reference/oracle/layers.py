"""check_layer: whatever a layer promises, asked of it and measured (reference/oracle/promises).

Every error is that of the largest entry, relative to the largest entry of the truth; the bound
allows for 2^8 roundings: ten are usual, and normalisations cancel a digit more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_whole, require_array, require_generator, require_whole
from ..network.layer import Layer
from .probe import BOUND, Skipped, probe
from .promises import FIRST, PROMISES


@dataclass(frozen=True)
class Finding:
    """One promise: the error measured, the bound it must keep, and what breaking it means.

    error is None where nothing was asked; `note` then says why.
    """

    name: str
    error: Any
    bound: float
    note: str = ""

    @property
    def passed(self):
        """Written so that nan fails."""
        return self.error is None or bool(self.error <= self.bound)

    def __str__(self):
        if self.error is None:
            return f"{self.name:<36}{'-':>9}{'-':>9}  not asked: {self.note}"
        verdict = "ok" if self.passed else f"WRONG: {self.note}"
        return f"{self.name:<36}{self.error:9.1e}{self.bound:9.1e}  {verdict}"


@dataclass(frozen=True)
class Report:
    """What `check_layer` found.

    Attributes
    ----------
    layer : Layer
    findings : tuple of Finding
    passed : bool
    failed : tuple of str
        The names of the findings that are wrong.
    """

    layer: Any
    findings: tuple

    @property
    def failed(self):
        """Names of what is wrong."""
        return tuple(f.name for f in self.findings if not f.passed)

    @property
    def passed(self):
        """Whether nothing is wrong."""
        return not self.failed

    def __str__(self):
        asked = sum(f.error is not None for f in self.findings)
        verdict = f"{len(self.failed)} wrong" if self.failed else "all kept"
        lines = [str(self.layer), f"{'promise':<36}{'error':>9}{'bound':>9}",
                 *map(str, self.findings)]
        return "\n".join(lines + [f"{asked} promises asked, {verdict}."])


def check_layer(layer, shape, rng, n=3, x=None):
    """Ask of a layer everything that the routes, the curvature and the proofs rely on.

    Parameters
    ----------
    layer : Layer
        A built-in one or your own, of any number of matrices.
    shape : tuple of int
        Of one example's input.
    rng : numpy.random.Generator
        Draws matrices, input and cotangents.
    n : int
        Number of examples.
    x : array (n, *shape), optional
        The input, instead of a normal one: integers for layers that take indices, numbers inside
        the domain of a logarithm, away from kinks.

    Returns
    -------
    Report
        `.passed`, `.failed`, and as a string a table of what was found.
    """
    shape = _checked(layer, shape, rng, n, x)
    try:
        where = probe(layer, shape, rng, n, x)
    except Exception as error:                    # noqa: BLE001 - the report must go on
        return Report(layer, (_broken("begins", BOUND, error),))
    findings = [_asked(where, *line) for line in FIRST]
    rest = [line for line in PROMISES if line[0][:2] not in ("dW", "dx") or
            line[0][:2] in where.parts]
    if all(f.passed for f in findings):
        findings += [_asked(where, *line) for line in rest]
    else:
        findings += [Finding(name, None, 0, "what is wrong above goes first")
                     for name, *_ in rest]
    return Report(layer, tuple(findings))


def _checked(layer, shape, rng, n, x):
    """shape as a tuple; TypeError or ValueError for what no layer could be asked with."""
    if not isinstance(layer, Layer):
        raise TypeError(f"layer is {layer!r}; pass an instance of a class deriving from Layer: "
                        "call its constructor.")
    require_generator(rng)
    shape = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    if not all(is_whole(size, 1) for size in shape):
        raise ValueError(f"shape must be whole numbers of at least 1, of one example; got {shape}.")
    if x is None:
        require_whole("n", n, 1)
    if x is not None:
        require_array("x", x)
        if x.shape[1:] != shape or len(x) == 0:
            raise ValueError(f"x has shape {x.shape}, but examples of shape {shape} were "
                             "announced; pass one at least, and shape=x.shape[1:].")
    return shape


def _asked(where, name, question, meaning, bound=None):
    bound = BOUND if bound is None else bound
    try:
        with np.errstate(all="ignore"):           # a wrong layer's infinities are findings
            answer = question(where)
    except Skipped as reason:
        return Finding(name, None, bound, str(reason))
    except Exception as error:                    # noqa: BLE001 - the report must go on
        return _broken(name, bound, error)
    error, bound = answer if isinstance(answer, tuple) else (answer, bound)
    return Finding(name, error, bound, "" if error <= bound else meaning)


def _broken(name, bound, error):
    return Finding(name, np.inf, bound, f"{type(error).__name__}: {error}")
