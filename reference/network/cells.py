"""The cells of recurrent layers: one step forwards, its coefficients, and one step backwards.

Inside, features come first and examples last, (..., H, N): then the gates of a step are contiguous
blocks of s (..., g H, N), and one call serves adjoining ones.  The steps of an array lie side by
side, (..., H, T N).

A cell is given the inputs' part s of its pre-activations, biases included, and matrices without
their bias columns.  Whatever of the backward pass does not depend on a cotangent is computed
before its loop, for all steps at once: the coefficients.
"""

from dataclasses import dataclass

from ..arrays import functions as F


def by_gates(arrays):
    """Arrays (..., H, N) of k gates as one, (..., k, H, N)."""
    joined = below(arrays)
    return F.reshape(joined, joined.shape[:-2] + (len(arrays), *arrays[0].shape[-2:]))


def times(gates, d):
    """(c_1 d, c_2 d, ...) (..., k H, N): coefficients (..., k, H, N) times d (..., H, N)."""
    product = gates * d[..., None, :, :]
    k, H, N = product.shape[-3:]
    return F.reshape(product, product.shape[:-3] + (k * H, N))


def below(arrays):
    """Arrays (..., H_i, N), one below the other."""
    return F.transpose(F.concatenate([F.transpose(a) for a in arrays]))


def compact(W):
    """W in rows without gaps, which are multiplied faster, T times."""
    return 1 * W


class Cell:
    """What a recurrent layer asks for.

    gates : how many blocks of H rows W_ih has; `recurrent` : those of each recurrent matrix.
    states : h alone, or h and c.
    added : whether recurrent products are added to s, and nothing else is done with them.

    split(Ws, bias) -> the matrices without biases, and what they add to s.
    step(s, Ws, state) -> (state, kept), kept a tuple of arrays.
    coefficients(kept, states) -> a tuple of arrays, where kept and the states before
    each step hold all steps.
    turned(Ws) -> the matrices as `back` wants them.
    back(coefficients, Ws, dstate) -> (gradients, dstate): what `gathered` wants of each step.
    gathered(gradients, coefficients) -> the gradients of s, and of each recurrent product.
    patches(states, kept) -> what each recurrent matrix multiplied.
    """

    gates, recurrent, states, added = 1, (1,), 1, True
    layer = "RNN"                       # of the package, whose step it is

    def split(self, Ws, bias):
        """(matrices as `step` wants them, the biases (..., g H, 1) to be added to s)."""
        if not bias:
            return Ws, 0
        return [compact(W[..., :-1]) for W in Ws], below([W[..., -1:] for W in Ws])

    def turned(self, Ws):
        """The matrices as `back` wants them: transposed."""
        return [F.transpose(W) for W in Ws]

    def patches(self, states, kept):
        """h of the step before."""
        return states[:1]

    def gathered(self, gradients, coefficients):
        """The recurrent product is added to s: their gradients are the same."""
        g, = gradients
        return g, (g,)


@dataclass(frozen=True)
class Elman(Cell):
    """h' = f(s + W h), f = tanh or relu."""

    relu: bool = False

    def step(self, s, Ws, state):
        """One step."""
        s = s + Ws[0] @ state[0]
        h = F.positive_part(s) if self.relu else F.tanh(s)
        return (h,), (s, h)

    def coefficients(self, kept, states):
        """f'(s)."""
        s, h = kept
        return F.where(F.positive(s), F.ones_like(s), 0) if self.relu else F.sech2(s, h),

    def back(self, coefficients, Ws, dstate):
        """ds = f' dh, dh' = W^T ds."""
        ds = coefficients[0] * dstate[0]
        return (ds,), (Ws[0] @ ds,)


@dataclass(frozen=True)
class LongShort(Cell):
    """c' = f c + i g and h' = o tanh(c'), with i, f, o sigmoids and g = tanh [HS97]."""

    gates, recurrent, states = 4, (4,), 2
    layer = "LSTM"

    def step(self, s, Ws, state):
        """One step; the sigmoid is computed of all four, since that is one call."""
        h, c = state
        H = h.shape[-2]
        s = s + Ws[0] @ h
        gates, g = F.sigmoid(s), F.tanh(s[..., 2 * H:3 * H, :])
        c = gates[..., H:2 * H, :] * c + gates[..., :H, :] * g
        tanh_c = F.tanh(c)
        return (gates[..., 3 * H:, :] * tanh_c, c), (s, gates, g, c, tanh_c)

    def coefficients(self, kept, states):
        """d(c')/d(s_i, s_f, s_g), dc'/dc = f, dh'/ds_o and dh'/dc'."""
        s, gates, g, c, tanh_c = kept
        H = c.shape[-2]
        i, o = gates[..., :H, :], gates[..., 3 * H:, :]
        slopes = F.sigmoid_slope(s[..., :2 * H, :])
        to_c = by_gates([slopes[..., :H, :] * g, slopes[..., H:, :] * states[1],
                         i * F.sech2(s[..., 2 * H:3 * H, :], g)])
        return (to_c, gates[..., H:2 * H, :], F.sigmoid_slope(s[..., 3 * H:, :]) * tanh_c,
                o * F.sech2(c, tanh_c))

    def back(self, coefficients, Ws, dstate):
        """dc' += (dh'/dc') dh', then the gates."""
        to_c, f, to_o, to_h = coefficients
        dh, dc = dstate
        dc = dc + to_h * dh
        ifg, o = times(to_c, dc), to_o * dh
        return (ifg, o), (Ws[0] @ ifg + Ws[1] @ o, f * dc)

    def turned(self, Ws):
        """The columns of i, f, g, and those of o."""
        W = F.transpose(Ws[0])
        rows = W.shape[-1] // 4 * 3
        return W[..., :rows], W[..., rows:]

    def gathered(self, gradients, coefficients):
        """i, f, g and o, one below the other."""
        g = below(gradients)
        return g, (g,)


@dataclass(frozen=True)
class GatedAfter(Cell):
    """h' = (1 - z) n + z h, n = tanh(s_n + r (W_n h + b_n)); r, z sigmoids: cuDNN's GRU."""

    gates, recurrent, added = 3, (3,), False
    layer = "GRU"

    def split(self, Ws, bias):
        """b_n stays with W_n, inside the reset."""
        W, rows = Ws[0], Ws[0].shape[-2] // 3 * 2
        zero = F.zeros_like(W[..., rows:, -1:])
        if not bias:
            return [W, zero], 0
        return [compact(W[..., :-1]), W[..., rows:, -1:]], below([W[..., :rows, -1:], zero])

    def step(self, s, Ws, state):
        """One step; the last matrix is b_n, as a column."""
        h, = state
        H = h.shape[-2]
        a = Ws[0] @ h
        gates = F.sigmoid(s[..., :2 * H, :] + a[..., :2 * H, :])
        q = a[..., 2 * H:, :] + Ws[1]
        m = s[..., 2 * H:, :] + gates[..., :H, :] * q
        n, z = F.tanh(m), gates[..., H:, :]
        return (n + z * (h - n),), (s[..., :2 * H, :] + a[..., :2 * H, :], gates, q, m, n)

    def coefficients(self, kept, states):
        """dh'/d(s_r, s_z, s_n), the same for the rows of W h, and z."""
        s, gates, q, m, n = kept
        H = n.shape[-2]
        r, z, other = gates[..., :H, :], gates[..., H:, :], F.sigmoid(-s)
        to_n = other[..., H:, :] * F.sech2(m, n)
        to_r, to_z = r * other[..., :H, :] * q * to_n, z * other[..., H:, :] * (states[0] - n)
        return by_gates([to_r, to_z, to_n * r]), z, by_gates([to_r, to_z, to_n])

    def back(self, coefficients, Ws, dstate):
        """ds = coefficients dh, and dh through z and through W h."""
        dh, = dstate
        return (dh,), (coefficients[1] * dh + Ws[0] @ times(coefficients[0], dh),)

    def gathered(self, gradients, coefficients):
        """The rows of n meet r q: another gradient than that of s_n."""
        dh, = gradients
        return times(coefficients[2], dh), (times(coefficients[0], dh),)


@dataclass(frozen=True)
class GatedBefore(Cell):
    """h' = (1 - z) n + z h, n = tanh(s_n + W_n (r h)); r, z sigmoids [Cho14]."""

    gates, recurrent, added = 3, (2, 1), False
    layer = "GRU"

    def step(self, s, Ws, state):
        """One step."""
        h, = state
        H = h.shape[-2]
        t = s[..., :2 * H, :] + Ws[0] @ h
        gates = F.sigmoid(t)
        rh = gates[..., :H, :] * h
        m = s[..., 2 * H:, :] + Ws[1] @ rh
        n, z = F.tanh(m), gates[..., H:, :]
        return (n + z * (h - n),), (t, gates, m, n, rh)

    def coefficients(self, kept, states):
        """dh'/ds_z, dh'/ds_n, d(r h)/ds_r, z and r."""
        s, gates, m, n, _ = kept
        H = n.shape[-2]
        r, z, other = gates[..., :H, :], gates[..., H:, :], F.sigmoid(-s)
        return (z * other[..., H:, :] * (states[0] - n), other[..., H:, :] * F.sech2(m, n),
                r * other[..., :H, :] * states[0], z, r)

    def back(self, coefficients, Ws, dstate):
        """First n, whose product gives d(r h), then r and z."""
        to_z, to_n, to_r, z, r = coefficients
        dh, = dstate
        dn = to_n * dh
        drh = Ws[1] @ dn
        drz = below([to_r * drh, to_z * dh])
        return (drz, dn), (z * dh + r * drh + Ws[0] @ drz,)

    def gathered(self, gradients, coefficients):
        """Those of (r, z) and of n are those of the two matrices."""
        return below(gradients), gradients

    def patches(self, states, kept):
        """h, and r h."""
        return states[0], kept[-1]
