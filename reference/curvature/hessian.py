"""The exact Hessian of L, weight decay included."""

from ..arrays.transfer import follows
from ..derivatives.routes import hvp, offering
from . import dense
from .operator import point, symmetric_operator
from .workspace import passing


@follows
def hessian(objective, theta, route="dual"):
    """H = d^2 L/dtheta^2 (P, P) as a SciPy LinearOperator.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    route : str
        How H v is computed: a route of `hvp`.

    Returns
    -------
    SymmetricOperator
        `dense(H)` takes the fast exact assembly with route "dual", unless examples are coupled,
        and products with the unit vectors otherwise; `columns(H)` always the latter.

    Raises
    ------
    TypeError, ValueError
        If theta is no float array (P,), or no such route leads to H v.
    """
    theta, routes = point(objective, theta), offering("hvp")
    if route not in routes:
        raise ValueError(f"no route {route!r} to hvp; choose one of {', '.join(routes)}.")
    fast = dense.hessian(objective, theta) if route == "dual" else dense.NONE
    return symmetric_operator(theta, lambda V: hvp(objective, theta, V, route), *fast,
                              passing=passing(objective, theta, True))
