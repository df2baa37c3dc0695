"""Answers to another question: of which subject are arrays in shapes that ours have not?"""

from .nearness import coincide
from .subjects import SUBJECTS

LARGEST = 2000                         # parameters beyond which no matrices are made for a hint


def elsewhere(case):
    """In words: the subjects that theirs is, or else those whose shapes it has; "" if none.

    Only of those that need no argument and no option that the Case has not.
    """
    shapes, equal, alike = [a.shape for a in case.theirs], [], []
    for subject in SUBJECTS.values() if case.theta.size <= LARGEST else ():
        if subject.name == case.subject.name or subject.required \
                or not set(subject.arguments) <= case.arguments.keys():
            continue
        given = [case.arguments[name] for name in subject.arguments]
        try:
            pieces = subject.pieces(case.objective, case.theta, *given)
        except (TypeError, ValueError, NotImplementedError):
            continue                               # what this network, or this loss, has not
        arrays = [piece.array for piece in pieces]
        if [a.shape for a in arrays] == shapes:
            alike.append(subject.name)
            if coincide(arrays, case.theirs, case.closeness):
                equal.append(subject.name)
    if equal:
        return f"; theirs is {' or '.join(map(repr, equal))}: ask for that"
    return f"; those are the shapes of {', '.join(map(repr, alike))}" if alike else ""
