"""A designed point by name, for fixtures and for parametrised tests."""

import numpy as np

from ..oracle.judge.points.designer import test_point


def oracle_case(name="dense", seed=0):
    """A designed point: objective, theta, and the arguments of every quantity.

    Parameters
    ----------
    name : str, or (str, int)
        Of `designs.DESIGNS`: "dense", "conv", "recurrent", ...; a pair has the seed with it.
    seed : int

    Returns
    -------
    TestPoint

    Raises
    ------
    ValueError
        For a name that is none.

    Examples
    --------
    >>> import reference as ref
    >>> objective, theta = ref.testing.oracle_case("dense")
    >>> objective.N, theta.size
    (11, 31)
    """
    if isinstance(name, tuple):
        name, seed = name
    return test_point(name, np.random.default_rng(seed))
