"""What an adapter offers: functions named as the subjects, and what it says it cannot do."""

from functools import wraps


def refusing(function, limits, kinds=(RuntimeError,)):
    """The same function, whose errors that speak of a framework's limits are NotImplementedError.

    Parameters
    ----------
    function : callable
    limits : sequence of str
        Words of the framework's own messages about what it has not.
    kinds : tuple of exceptions
    """
    @wraps(function)
    def answer(*given):
        try:
            return function(*given)
        except kinds as failure:
            if any(word in str(failure) for word in limits):
                raise NotImplementedError(str(failure)) from None
            raise
    return answer
