"""The quantities in groups, with the digits that each keeps in float64 and in float32.

Of the largest entry.  The stand-in's numbers are NumPy's, summed in another order: some roundings,
which damped inverses magnify by their condition, iterations by their length.  A device sums in
orders of its own and rounds its functions by an ulp or two: an order of magnitude more.
"""

from . import both, problems, quantities

GROUPS = {                          # group: (quantities, digits lost: stand-in, device, float32)
    "first": (quantities.FIRST, 1e-13, 1e-12, 2e-5),
    "second": (quantities.SECOND, 1e-12, 1e-12, 1e-4),
    "kronecker": (quantities.KRONECKER, 1e-12, 1e-11, 1e-3),
    "solved": (quantities.SOLVED, 1e-11, 1e-10, 1e-3),
    "spectral": (quantities.SPECTRAL, 1e-10, 1e-8, 1e-2),
    "routes": (quantities.ROUTES, 1e-12, 1e-11, 1e-4),
}
CASES = [(group, "float64") for group in GROUPS] + [           # iterations and routes tell more in
    (group, "float32") for group in ("first", "second", "kronecker")]          # many digits
DIFFERENCES = 1e-6                  # "central difference" has 11 digits, and rounds what it divides


def faults(kind, group, objective, theta, dtype="float64", names=None):
    """{quantity: what is wrong} of one group, on the stand-in or a device."""
    table, near, device, narrow = GROUPS[group]
    wide = near if kind == "stand-in" else device
    found = {}
    for name in names or table:
        tolerance = wide if dtype == "float64" else narrow
        if "central difference" in name:
            tolerance = DIFFERENCES if dtype == "float64" else 0.1
        wrong = both.compared(table[name], objective, theta, problems.direction(theta),
                              dtype=dtype, tolerance=tolerance)
        if wrong:
            found[name] = wrong[:2]
    return found
