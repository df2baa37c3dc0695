"""Made-up data: spirals that no straight line parts, and targets that a tanh network can reach."""

import numpy as np

from ..arrays.checks import is_finite, is_whole, require_generator


def spirals(rng: np.random.Generator, n: int, turns: float = 1.0, noise: float = 0.02,
            arms: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """x = r (cos a, sin a) + noise e (n, 2), a = 2 pi (turns r + y / arms), r uniform in [0, 1).

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int
        Number of points; labels take turns, so the classes differ by one point at most.
    turns : float
        Turns of an arm from the centre to radius 1.
    noise : float
        Standard deviation of the normal error e, in units of the outer radius.
    arms : int
        Number of spirals, which is the number of classes: two, three or more.

    Returns
    -------
    x : (n, 2) float64
    y : (n,) int64

    Raises
    ------
    TypeError, ValueError
        If `rng` is not a generator, n or arms no whole number >= 1 or >= 2, turns or noise not
        finite, or noise negative.

    Examples
    --------
    >>> x, y = spirals(np.random.default_rng(0), 6, arms=3)
    >>> x.shape, y.tolist()
    ((6, 2), [0, 1, 2, 0, 1, 2])
    """
    _check(rng, noise, n=n)
    if not is_whole(arms, 2):
        raise ValueError(f"arms={arms!r}; interleaved spirals need a whole number of at least 2.")
    if not is_finite(turns):
        raise ValueError(f"turns={turns!r}; write a finite number.")
    y = np.arange(n) % arms
    r = rng.random(n)
    a = 2 * np.pi * (turns * r + y / arms)
    x = r[:, None] * np.stack([np.cos(a), np.sin(a)], axis=1)
    return x + noise * rng.standard_normal((n, 2)), y.astype(np.int64)


def teacher(rng: np.random.Generator, n: int, inputs: int, hidden: int, outputs: int,
            noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """y = V tanh(U x + a) + b + noise e: a random network of one hidden layer labels normal inputs.

    Weights are N(0, 1 / fan-in) and biases N(0, 1), so pre-activations have variance near 2: the
    tanh bends, yet seldom saturates. A student with at least `hidden` tanh units can reach L = 0
    when noise = 0.

    Parameters
    ----------
    rng : numpy.random.Generator
    n, inputs, hidden, outputs : int
        Number of examples, and the widths of the network.
    noise : float
        Standard deviation of the normal error e.

    Returns
    -------
    x : (n, inputs) float64
    y : (n, outputs) float64

    Raises
    ------
    TypeError, ValueError
        If `rng` is not a generator, a size no whole number >= 1, or noise negative or not finite.
    """
    _check(rng, noise, n=n, inputs=inputs, hidden=hidden, outputs=outputs)
    x = rng.standard_normal((n, inputs))
    y = _affine(rng, np.tanh(_affine(rng, x, hidden)), outputs)
    return x, y + noise * rng.standard_normal(y.shape)


def _affine(rng, x, outputs):
    """U x + a for every row x, with fresh U (outputs, inputs) and a (outputs,)."""
    U = rng.standard_normal((outputs, x.shape[1])) / np.sqrt(x.shape[1])
    return x @ U.T + rng.standard_normal(outputs)


def _check(rng, noise, **sizes):
    require_generator(rng)
    if not (is_finite(noise) and noise >= 0):
        raise ValueError(f"noise={noise!r}; write a finite number of at least 0.")
    for name, size in sizes.items():
        if not is_whole(size, 1):
            raise ValueError(f"{name}={size!r}; write a whole number of at least 1.")
