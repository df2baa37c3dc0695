"""The judge of somebody else's numbers: do they agree, and if not, what known cause explains them?

    subjects      what can be checked: our numbers, and what the axes of each array are
    answers       theirs, from arrays, named arrays or a callable that is asked more than once
    tolerance     how far two correct programs may be apart, entry by entry
    case          both side by side, and the constants N, C, T, ... of the problem
    hypotheses    contents (another matrix, a missing term), arrangements (orders), factors
    causes        the hypotheses themselves, by topic
    search        the best explanation, its residual and the runner-up
    localise      names of entries, the first wrong layer in the order of backpropagation
    report        the verdict as text, JSON, Markdown and JUnit
    verdict       check: all of it in one call
    identify      which quantity an array is
    points        test points that hide nothing, and what a given one would hide
"""

from . import causes

__all__ = ["causes"]
