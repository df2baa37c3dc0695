"""Peers for the tests of `check`: one that is right, and faults planted in one that is not."""

import reference as ref


class right:
    """The reference's own answers under the names of the quantities."""

    value = staticmethod(lambda objective, theta: objective.value(theta))
    gradient = staticmethod(ref.gradient)
    hvp = staticmethod(lambda objective, theta, v: ref.hvp(objective, theta, v, "complex step"))
    hessian = staticmethod(lambda objective, theta: ref.columns(ref.hessian(objective, theta)))


class twice_too_large(right):
    """H v with the missing 1/2 of a squared error."""

    hvp = staticmethod(lambda objective, theta, v: 2 * ref.hvp(objective, theta, v))


class one_entry(right):
    """One of P entries of the gradient off by one part in a million."""

    @staticmethod
    def gradient(objective, theta):
        g = ref.gradient(objective, theta).copy()
        g[abs(g).argmax()] *= 1 + 1e-6
        return g


class wrong_shape(right):
    """A gradient as a column."""

    gradient = staticmethod(lambda objective, theta: ref.gradient(objective, theta)[:, None])


class not_a_number(right):
    """NaN in one entry."""

    @staticmethod
    def gradient(objective, theta):
        g = ref.gradient(objective, theta).copy()
        g[3] = float("nan")
        return g


class raises(right):
    """An exception instead of an answer."""

    @staticmethod
    def gradient(objective, theta):
        raise RuntimeError("out of ideas")


class writes_to_theta(right):
    """Right, but it writes on its input (and takes it back only partly)."""

    @staticmethod
    def gradient(objective, theta):
        g = ref.gradient(objective, theta)
        theta[0] += 1e-9
        return g


class forgetful(right):
    """Right at first, another answer on the second identical call: hidden state."""

    calls = 0

    @staticmethod
    def gradient(objective, theta):
        forgetful.calls += 1
        return ref.gradient(objective, theta) * (1 + 1e-14 * (forgetful.calls % 2))


class offers_nothing:
    """No quantity at all."""
