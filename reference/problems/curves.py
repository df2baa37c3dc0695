"""Images of parabolas through three random points each: pictures that six numbers tell.

In the manner of the CURVES set of [HS06], whose files are not made by this recipe.
"""

import numpy as np

from ..arrays.checks import is_whole, require_generator

_CHUNK = 64                             # images at a time: what fits into the cache


def curves(rng: np.random.Generator, n: int, side: int = 28) -> np.ndarray:
    """x (n, side^2) = max_t exp(-|pixel - c(t)|^2 / (2 r^2)), c a parabola through three points.

    The points are uniform on the square that leaves side/8 free at each edge; c(0), c(1/2) and
    c(1) are the three, and c is quadratic in t, so that it stays within the image: the Lagrange
    polynomials of three even nodes add up to at most 5/4 in magnitude, and 5/4 of 3/8 is below
    1/2.  c is sampled at 6 side times t, evenly spaced in [0, 1]; the ink fades as a normal density
    with r = side/40 (0.7 pixels of 28), distances from the centres of the pixels.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int
        Number of images.
    side : int
        Pixels along one edge, at least 4.

    Returns
    -------
    x : (n, side^2) float64
        In [0, 1], row by row; the first coordinate of a point counts rows.

    Raises
    ------
    TypeError, ValueError
        If `rng` is not a generator, n no whole number >= 1, or side none >= 4.

    Examples
    --------
    >>> x = curves(np.random.default_rng(0), 5)
    >>> x.shape, bool(x.min() >= 0), bool(0.9 < x.max() <= 1)
    ((5, 784), True, True)
    """
    require_generator(rng)
    for name, value, least in (("n", n, 1), ("side", side, 4)):
        if not is_whole(value, least):
            raise ValueError(f"{name}={value!r}; write a whole number of at least {least}.")
    points = rng.uniform(side / 8, side - side / 8, (n, 3, 2))
    return np.concatenate([_drawn(points[k:k + _CHUNK], side) for k in range(0, n, _CHUNK)])


def _drawn(points, side):
    """Ink (n, side^2) of the curves of points (n, 3, 2), in pixels.

    exp(-(u^2 + v^2)) = exp(-u^2) exp(-v^2): one factor per row and one per column.
    """
    t = np.linspace(0, 1, 6 * side)
    lagrange = np.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)])
    path = np.einsum("kt,nkd->tnd", lagrange, points)
    distance = path[..., None] - (np.arange(side) + 0.5)
    row, column = np.moveaxis(np.exp(-distance ** 2 / (2 * (side / 40) ** 2)), 2, 0)
    ink = np.zeros((len(points), side, side))
    for r, c in zip(row, column):
        np.maximum(ink, r[:, :, None] * c[:, None, :], out=ink)
    return ink.reshape(len(points), -1)
