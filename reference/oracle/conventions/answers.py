"""Somebody else's answer in a stated convention, brought into ours before it is judged."""

from dataclasses import replace

from .convert import convert
from .quantities import BLOCKS, FACTORS, change_of
from .scales import Impossible


def in_ours(answer, quantity, objective, convention, options):
    """The Answer whose arrays are converted; as it is where its shapes are not the convention's.

    Raises
    ------
    Impossible
        Where our numbers cannot be made from those of the convention.
    """
    settings = {key: options[key] for key in ("setting", "kind") if key in options}
    form = change_of(quantity).form

    def ours(arrays):
        value = arrays if form in (BLOCKS, FACTORS) else arrays[0]
        if form not in (BLOCKS, FACTORS) and len(arrays) > 1:
            value = dict(zip(answer.names or objective.net.entries(), arrays))
        found = convert(value, quantity, objective, convention, **settings)
        if form == FACTORS:
            return [a for pair in found for a in pair]
        return found if form == BLOCKS else [found]

    try:
        return replace(answer, arrays=ours(answer.arrays), names=None,
                       later=answer.later and ours(answer.later))
    except Impossible:
        raise
    except (ValueError, IndexError):
        return answer                              # a shape that is wrong is for the judge to tell
