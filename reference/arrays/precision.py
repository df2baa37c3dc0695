"""eps, complex partners and complex steps of the floating-point types."""

import numpy as np

PARTNERS = {
    np.dtype(np.float32): np.dtype(np.complex64),
    np.dtype(np.float64): np.dtype(np.complex128),
    np.dtype(np.longdouble): np.dtype(np.clongdouble),
}


def widest(x):
    """The floats in which numbers are kept until it is known who asks; devices have no wider."""
    return np.longdouble if isinstance(x, np.ndarray) else np.float64


def real_dtype(dtype):
    """The real type whose partner is `dtype` (itself if real)."""
    dtype = np.dtype(dtype)
    reals = {c: r for r, c in PARTNERS.items()}
    if dtype not in PARTNERS and dtype not in reals:
        raise TypeError(f"{dtype} is no floating-point type; use float32, float64 or longdouble.")
    return reals.get(dtype, dtype)


def complex_dtype(dtype):
    """The complex type with parts of type `dtype`."""
    return PARTNERS[real_dtype(dtype)]


def eps(dtype):
    """Spacing of the numbers next to 1."""
    return float(np.finfo(real_dtype(dtype)).eps)


def complex_step_length(dtype):
    """h with h^2 far below eps, and h^3 far above the smallest normal number.

    1e-20 for complex128 and wider, 1e-10 for complex64.  Below 1e-150 products of two imaginary
    parts would become subnormal: slow, and no more accurate.
    """
    return real_dtype(dtype).type(1e-10 if real_dtype(dtype) == np.float32 else 1e-20)
