"""Which laws each optimiser obeys by what its docstring says: the set that it is watched for."""

from .invariants import Invariants, Options

ALWAYS = "finite", "step", "rejected", "slope"
SEARCHED = "decrease", "descent"
FREE = *ALWAYS, *SEARCHED, "curvature", "cg", "damping"


def _first_order(optimizer):
    still = getattr(optimizer, "momentum", getattr(optimizer, "beta1", 0)) == 0
    return (*ALWAYS, *(("descent",) if still else ()))


def _kbfgs(optimizer):
    names = [*ALWAYS, "damping", "definite", "semidefinite", "first inverse", "secant", "skipped",
             "action", "powell", "second damping", "pair curvature"]
    if optimizer.momentum == 0:
        names.append("descent")
    if optimizer.safeguard == 0:
        names.append("decrease")
    return tuple(names)


def _hessian_free(optimizer):
    whole = optimizer.curvature_batch in (None, 1.0) and getattr(optimizer, "joint", "") != "model"
    names = [*FREE, "rho"] if whole else [*FREE]
    if not getattr(optimizer, "structural", 0):
        names.append("phi")
    if getattr(optimizer, "shrink", 1) != 1:
        names = [name for name in names if name not in ("decrease", "rho")]
    return tuple(names)


CLAIMS = {
    "SGD": _first_order, "RMSprop": _first_order, "Adam": _first_order,
    "KBFGS": _kbfgs,
    "KFAC": lambda o: (*ALWAYS, "descent", "model", "curvature", "rho", "damping", "semidefinite",
                       "proposal"),
    "SimpleKFAC": lambda o: (*_first_order(o), "damping", "semidefinite"),
    "HessianFree": _hessian_free, "BlockHessianFree": _hessian_free,
    "StochasticHessianFree": _hessian_free,
    "NewtonKrylov": lambda o: (*ALWAYS, *SEARCHED, "quadratic"),
    "EACG": lambda o: (*ALWAYS, "quadratic", *(
        ("descent", "model", "curvature", "semidefinite") if o.phi != "identity" else ())),
    "LevenbergMarquardt": lambda o: (*ALWAYS, *SEARCHED, "model", "quadratic", "curvature",
                                     "marquardt"),
    "BlockLevenbergMarquardt": lambda o: (*ALWAYS, *SEARCHED, "quadratic", "curvature"),
    "Newton": lambda o: (*ALWAYS, *SEARCHED, "model", "quadratic", "curvature"),
    "LBFGS": lambda o: (*ALWAYS, *SEARCHED, "pair curvature"),
}


def invariants(optimizer, theta=None, strict=False, same_batch=False, also=()):
    """Invariants of what an optimiser of this package claims, to pass to `run` as watch.

    Parameters
    ----------
    optimizer : an optimiser
    theta : array (P,), optional
        Where the run begins.
    strict : bool
        AssertionError at the first violation.
    same_batch : bool
        Whether all steps see the same batch: then y of pairs that are not averaged is checked, too.
    also : sequence of str
        Other laws to ask for, as "rise".

    Raises
    ------
    ValueError
        If nothing is known of the optimiser: name the laws, `Invariants(names)`.
    """
    kind = next((c.__name__ for c in type(optimizer).__mro__ if c.__name__ in CLAIMS), None)
    if kind is None:
        raise ValueError(f"what {type(optimizer).__name__} claims is not known; name the laws that "
                         "it obeys, as Invariants(('slope', 'descent')).")
    plain = kind == "LBFGS" or kind == "KBFGS" and optimizer.full_batch
    names = (*CLAIMS[kind](optimizer), *(("same batch",) if same_batch and plain else ()), *also)
    return Invariants(names, strict, theta, _options(kind, optimizer))


def _options(kind, optimizer):
    if kind == "KFAC":
        return Options(factor=optimizer.rate ** -optimizer.damping_every,
                       inverse_every=optimizer.inverse_every)
    if kind == "LevenbergMarquardt":
        return Options(factor=optimizer.factor, limits=(optimizer.least, optimizer.most))
    factors = {"HessianFree": 1.5, "BlockHessianFree": 1.5, "StochasticHessianFree": 1 / 0.99}
    return Options(factor=factors.get(kind))
