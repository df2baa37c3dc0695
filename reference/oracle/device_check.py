"""Self-check of a GPU: every quantity there against the host, in float64 and in float32.

float32 is held to the host's own float32: the digits that the device shares with float64 on the
host may be one less than those that float32 on the host shares, and ENOUGH suffice.  TF32 keeps
three to four, so it fails wherever float32 keeps five.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..arrays import cuda
from ..arrays.memory import amount
from ..arrays.transfer import move, on_host
from ..curvature.hessian import hessian
from ..curvature.operator import room
from ..problems.zoo import ZOO
from . import device_rates
from .check import Told, agreement, point, tasks
from .quantities import QUANTITIES

DOUBLE = 12                            # digits of float64, but for the order of sums
ENOUGH, LEAST = 5, 3                   # digits of float32 that suffice; below, it is not asked for
JUDGES = "reference.oracle.twins"      # second programs, written for the host, judge there alone


@dataclass(frozen=True)
class Row(Told):
    """One line of the report: a quantity on a problem by a route.

    `double` and `single` are the digits that the device shares with float64 on the host, in
    float64 and in float32; `wanted` and `wanted_single` what they must reach.  The last two are
    None where float32 has no digits to speak of on the host either.
    """

    problem: str
    quantity: str
    title: str
    route: str
    double: Any = None
    wanted: float = DOUBLE
    single: Any = None
    wanted_single: Any = None
    note: str = ""

    @property
    def passed(self):
        """Written so that nan fails."""
        single = self.wanted_single is None or self.single >= self.wanted_single
        return not self.note and self.double >= self.wanted and single

    @property
    def first(self):
        """Of the two numbers of digits, the first."""
        return self.double


@dataclass(frozen=True)
class Circumstances:
    """The device, what TF32 does there, and the largest dense matrix of the check in bytes."""

    device: cuda.Device
    asked: Any
    product_error: float
    largest: int
    problem: str

    @property
    def tf32(self):
        """Whether float32 products are made in TF32, by what they err."""
        return not self.product_error < device_rates.SUSPECT

    def record(self):
        """For JSON."""
        return {"device": asdict(self.device), "largest_matrix_bytes": self.largest,
                "largest_matrix_of": self.problem, "tf32": {
                    cuda.VARIABLE: self.asked, "product_error": self.product_error,
                    "found": self.tf32}}


def circumstances(seed=0):
    """The Circumstances, before anything large is taken.

    Raises
    ------
    NoDevice
    MemoryError
        If the device has not free what the largest dense matrix takes.
    """
    device = cuda.device()
    needs = {name: room(hessian(*make(np.random.default_rng(seed)))) for name, make in ZOO.items()}
    problem = max(needs, key=needs.get)
    if needs[problem] > device.free:
        raise MemoryError(f"the largest dense matrix, of {problem!r}, takes about "
                          f"{amount(needs[problem])}, and {device.name} has "
                          f"{amount(device.free)} free; end what else runs there.")
    asked = cuda.tf32_asked()
    error = np.nan if isinstance(asked, str) else device_rates.product_error()
    return Circumstances(device, asked, error, needs[problem], problem)


def check(seed=0):
    """Yield the Rows of every quantity on every problem, as they come."""
    for task in tasks(seed):
        yield from rows_of(task)


def rows_of(task):
    """The Rows of (problem, quantity, seed): the first route, and others that run on a device."""
    problem, name, seed = task
    where, quantity = point(problem, np.random.default_rng(seed)), QUANTITIES[name]
    if not quantity.fits(where.objective.net):
        return []
    return [_row(where, name, route, function)
            for k, (route, function) in enumerate(quantity.routes.items())
            if k == 0 or not function.__module__.startswith(JUDGES)]


# ---- one row ----

def _row(where, name, route, function):
    quantity = QUANTITIES[name]
    wanted = min(DOUBLE, quantity.expected(route))

    def answer(dtype, home):
        return on_host(function(*_given(where, quantity.arguments, dtype, home)))
    row = Row(where.name, name, quantity.title, route, wanted=wanted)
    truth = answer("float64", "numpy")
    try:
        row = _with(row, double=agreement(answer("float64", "cupy"), truth))
        aim = _aim(lambda: agreement(answer("float32", "numpy"), truth))
        if aim is not None:
            row = _with(row, single=agreement(answer("float32", "cupy"), truth),
                        wanted_single=aim)
    except Exception as failure:                  # noqa: BLE001 - a report must go on
        row = _with(row, note=f"{type(failure).__name__}: {failure}")
    return row


def _with(row, **found):
    return Row(**{**asdict(row), **found})


def _aim(digits):
    """What float32 must reach on the device, by what it reaches on the host; None for nothing."""
    try:
        found = digits() - 1
    except (ArithmeticError, ValueError):         # as a solver that asks for more digits
        return None
    return min(ENOUGH, found) if found >= LEAST - 1 else None


def _given(where, names, dtype, home):
    """The objective, theta and what is named, in a precision and at a place."""
    def placed(a):
        return move(a.astype(dtype), home) if isinstance(a, np.ndarray) else a
    return (where.objective.to(dtype).to(home), placed(where.theta),
            *(placed(where.arguments[name]) for name in names))
