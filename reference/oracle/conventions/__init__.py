"""What other libraries and papers mean by their numbers, and the same numbers as ours.

    record        the fields of a convention
    frameworks, curvature_libraries    one record for each
    quantities, scales, convert        numbers of one convention in another
    card          records as text, one or two side by side
    command       the same at the command line
"""

from .curvature_libraries import LIBRARIES
from .frameworks import FRAMEWORKS
from .record import Convention

CONVENTIONS = {each.name: each for each in (*FRAMEWORKS, *LIBRARIES)}


def convention(name):
    """The Convention of a name.

    Raises
    ------
    ValueError
        Listing the names.
    """
    if isinstance(name, Convention):
        return name
    if name not in CONVENTIONS:
        raise ValueError(f"no convention {name!r}; choose one of {', '.join(CONVENTIONS)}.")
    return CONVENTIONS[name]
