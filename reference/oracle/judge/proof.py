"""How far ours is from the exact answer: the same pieces, on balls."""

import numpy as np

from ...arrays.ball import Undecided
from ..certify import NotProven, certify_value, upwards


def proven(subject, given, options, pieces):
    """A clause: within which radius ours is proven, or what stood in the way."""
    def arrays(*given, **options):
        return [piece.array for piece in subject.pieces(*given, **options)]
    try:
        found = certify_value([p.array for p in pieces], arrays, *given, **options)
    except (NotProven, Undecided, TypeError, ValueError, np.linalg.LinAlgError) as why:
        return f"ours is not proven ({str(why).rstrip('.')})"
    return (f"every entry of ours is within {upwards(found.radius)} of the exact answer, proven by "
            f"balls of {found.bits} bits")
