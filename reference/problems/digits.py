"""The bundled images: 1797 handwritten digits of 8 x 8 pixels with grey levels 0 to 16 [AK98].

Every pixel is a multiple of 1/16, so float32, float64 and any ball hold the data without error.
"""

from operator import index
from pathlib import Path

import numpy as np

from .files import load_npz

_FILE = Path(__file__).with_name("data") / "digits.npz"
_COUNT = 1797


def digits(n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """x (n, 64) = pixel / 16 in [0, 1], row by row, and y (n,) in 0..9: the first n in file order.

    Parameters
    ----------
    n : int, optional
        How many images, 1 to 1797; all of them by default.

    Returns
    -------
    x : (n, 64) float64
    y : (n,) int64

    Raises
    ------
    ValueError
        If there are no n images.

    Examples
    --------
    >>> from reference.problems import digits
    >>> x, y = digits(3)
    >>> x.shape, y.tolist(), float(x.max())
    ((3, 64), [0, 1, 2], 1.0)
    """
    n = _COUNT if n is None else index(n)
    if n not in range(1, _COUNT + 1):
        raise ValueError(f"digits(n={n}): there are {_COUNT} images; ask for 1 to {_COUNT}.")
    data = load_npz(_FILE, ("pixels", "labels"))
    return data["pixels"][:n] / 16, data["labels"][:n].astype(np.int64)
