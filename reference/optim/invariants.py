"""Invariants: laws that the steps of an optimiser obey, watched while it runs, ours or another's.

    ref.run(optimizer, batches, theta, steps, watch=ref.invariants(optimizer, theta))

    watcher = ref.Invariants(("slope", "descent", "pair curvature"))
    watcher.check(k, gradient=g, direction=d, slope=g @ d, pairs=[{"s": s, "y": y}])
"""

import operator
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np

from ..arrays.checks import is_whole, shown
from ..arrays.transfer import on_host, to_host
from . import laws, matrix_laws, pair_laws, solver_laws
from .step import NAMES

SIGNS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge,
         ">": operator.gt}            # all false of NaN, so that NaN violates every one


@dataclass(frozen=True)
class Law:
    """A law, and the quantities without which it says nothing, of this step and the one before."""

    look: Callable
    now: tuple
    before: tuple = ()

    def applies(self, now, before):
        """Whether all that it needs is there."""
        return all(name in now for name in self.now) and all(name in before for name in self.before)


LAWS = {
    "finite": Law(laws.finite, ()),
    "step": Law(laws.step, ("theta", "direction", "length"), ("theta",)),
    "rejected": Law(laws.rejected, ("theta", "accepted", "loss"), ("theta",)),
    "decrease": Law(laws.decrease, ()),
    "slope": Law(laws.slope, ("slope", "gradient", "direction")),
    "descent": Law(laws.descent, ()),
    "model": Law(laws.model, ()),
    "quadratic": Law(laws.quadratic, ("direction",)),
    "curvature": Law(laws.curvature, ()),
    "rho": Law(laws.rho, ("rho", "loss", "loss_after", "model", "length", "direction")),
    "damping": Law(solver_laws.damping, ("damping",), ("damping",)),
    "marquardt": Law(solver_laws.marquardt, ("damping",), ("damping", "accepted")),
    "cg": Law(solver_laws.cg, ()),
    "phi": Law(solver_laws.phi, ("damping", "gradient")),
    "definite": Law(matrix_laws.definite, ()),
    "semidefinite": Law(matrix_laws.semidefinite, ()),
    "inverse": Law(matrix_laws.inverse, ("factors",)),
    "first inverse": Law(matrix_laws.first_inverse, ("factors", "damping")),
    "proposal": Law(matrix_laws.proposal, ("factors", "gamma", "proposal", "gradient")),
    "secant": Law(pair_laws.secant, ("factors",)),
    "skipped": Law(pair_laws.skipped, ("pairs",)),
    "action": Law(pair_laws.action, ("factors", "damping")),
    "powell": Law(pair_laws.powell, ("pairs", "factors")),
    "second damping": Law(pair_laws.second_damping, ("pairs", "damping", "direction")),
    "pair curvature": Law(pair_laws.pair_curvature, ("pairs",)),
    "same batch": Law(pair_laws.same_batch, ("pairs", "gradient"), ("pairs",)),
    "rise": Law(laws.rise, ("loss", "loss_after")),
}


@dataclass(frozen=True)
class Options:
    """What some laws ask for.

    factor : of the damping's rule; None for its direction alone.
    limits : between which Marquardt's rule keeps lam.
    mu1 : of Powell's damping [GRB20].
    inverse_every : T3 of K-FAC.
    rise : c of the law "rise"; 0.05 is ours, by trials on small autoencoders.
    """

    factor: Any = None
    limits: tuple = (0.0, np.inf)
    mu1: float = 0.2
    inverse_every: int = 20
    rise: float = 0.05


@dataclass(frozen=True)
class Violation:
    """After step k, `law` asked for value `sign` bound of a quantity: text says so in one line."""

    step: int
    law: str
    quantity: str
    where: str
    value: Any
    sign: str
    bound: Any

    @property
    def text(self):
        of = f" of {self.where}" if self.where else ""
        value, bound = _digits(self.value), _digits(self.bound)
        return (f"step {self.step} breaks '{self.law}': {self.quantity}{of} is {value}, not "
                f"{self.sign} {bound}.")


@dataclass(frozen=True, eq=False)
class Invariants:
    """Watches the steps of one run, and keeps what it finds in `violations`.

    Parameters
    ----------
    names : sequence of str
        Of LAWS; each is asked at the steps whose quantities tell it, and passed over at others.
        All but "rise" if omitted, though few methods obey all: momentum need not descend.
    strict : bool
        AssertionError at the first violation.
    theta : array (P,), optional
        Where the run begins: without it "step" and "rejected" say nothing of the first step.
    options : Options

    Raises
    ------
    ValueError
        If a name is no law.
    """

    names: Any = tuple(name for name in LAWS if name != "rise")
    strict: bool = False
    theta: Any = None
    options: Options = Options()
    violations: list = field(default_factory=list)
    checked: dict = field(default_factory=dict)
    _before: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        if isinstance(self.names, str):
            raise ValueError(f"names is {self.names!r}; pass a tuple of names.")
        _require_known("law", self.names, LAWS)
        if self.theta is not None:
            self._before["theta"] = np.array(to_host(self.theta))

    def __call__(self, k, theta, info):
        """As `watch` of `run` is called."""
        self.check(k, theta=theta, **info)

    def check(self, k, **quantities):
        """The violations of step k, by quantities named as in step.NAMES, theta after it, and such.

        Parameters
        ----------
        k : int
            The number of the step, from 0.  Laws of two steps are asked if k - 1 came before.
        **quantities
            Arrays are kept until the next step as they are: pass copies of what is overwritten.

        Returns
        -------
        list of Violation

        Raises
        ------
        AssertionError
            With their texts, if strict.
        ValueError
            If a quantity has no such name, or k is no number of a step.
        """
        if not is_whole(k, 0):
            raise ValueError(f"k is {shown(k)}; pass the number of the step, 0 or more.")
        _require_known("quantity", quantities, (*NAMES, "theta"))
        now, before = {"k": k, **on_host(quantities)}, self._before
        if before.get("k", k - 1) != k - 1:
            before = {}
        found = [one for name in self.names for one in self._asked(name, now, before)]
        self._before.clear()
        self._before.update(now)
        self.violations.extend(found)
        if found and self.strict:
            raise AssertionError("\n".join(one.text for one in found))
        return found

    def _asked(self, name, now, before):
        law = LAWS[name]
        if not law.applies(now, before):
            return
        with np.errstate(all="ignore"):
            for one in law.look(now, before, self.options):
                self.checked[name] = self.checked.get(name, 0) + 1
                if not SIGNS[one.sign](one.value, one.bound):
                    yield Violation(now["k"] - one.ago, name, one.quantity, one.where, one.value,
                                    one.sign, one.bound)


def _require_known(what, names, choices):
    for name in names:
        if name not in choices:
            raise ValueError(f"{what} {shown(name)} is not known; pass some of "
                             f"{', '.join(choices)}.")


def _digits(value):
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
