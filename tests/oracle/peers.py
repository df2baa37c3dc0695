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


class nan_in_the_last_array(right):
    """NaN in one array of several, and not in the first."""

    @staticmethod
    def hessian_blocks(objective, theta):
        found = ref.blocks(ref.hessian(objective, theta), objective.net.layout)
        return [*found[:-1], found[-1] * float("nan")]


class reuses_its_buffer(right):
    """Wrong at first, right at the second call, which overwrites the memory of the first."""

    calls, buffer = 0, {}

    @staticmethod
    def gradient(objective, theta):
        reuses_its_buffer.calls += 1
        out = reuses_its_buffer.buffer.setdefault(theta.size, theta.copy())
        out[:] = ref.gradient(objective, theta) * (1 + reuses_its_buffer.calls % 2)
        return out


class exits(right):
    """Leaves the process, saying that all is well."""

    @staticmethod
    def gradient(objective, theta):
        raise SystemExit(0)


class raises_the_second_time(right):
    """Right once."""

    calls = 0

    @staticmethod
    def gradient(objective, theta):
        raises_the_second_time.calls += 1
        if raises_the_second_time.calls % 2 == 0:
            raise RuntimeError("only\nonce")
        return ref.gradient(objective, theta)


class writes_to_data(right):
    """Right, but it centres the images in place."""

    @staticmethod
    def gradient(objective, theta):
        g = ref.gradient(objective, theta)
        objective.x[:] -= 1e-3
        return g


class complex_numbers(right):
    """The complex step, its imaginary part forgotten."""

    gradient = staticmethod(lambda objective, theta: ref.gradient(objective, theta) + 0j)


class nothing(right):
    """No return statement."""

    gradient = staticmethod(lambda objective, theta: None)


class talkative(right):
    """Right, as a list of Python floats, and printing."""

    @staticmethod
    def gradient(objective, theta):
        print("chatter")
        return ref.gradient(objective, theta).tolist()

    @staticmethod
    def hvp(objective, theta, v):
        raise NotImplementedError("not yet")

    kfac = staticmethod(ref.kfac)
