r"""
1. What a derivative costs
==========================

A network with a loss is a function :math:`L(\theta)` of :math:`P` numbers.  This lesson asks two
questions about its derivative: how many *digits* can one have, and how much *work* is it?

The usual first answer is to move the parameters a little and to look how far the loss moves.
We shall see that this loses half of the digits at best, and that for the whole gradient it is
slower than necessary by a factor of about :math:`P/3`.

You need NumPy and Taylor's theorem.  The symbols are those of :doc:`the notation chapter
</0-notation>`: ``theta`` is :math:`\theta`, all parameters in one vector; ``v`` a direction, a
vector of the same length; ``g`` the gradient :math:`\partial L/\partial\theta`.
"""

# %%
# The function
# ------------
# ``ref.problems.ZOO`` holds small problems by name, each as a function that takes a generator of
# random numbers.  It returns an *objective*, that is data, a network and a loss, and a random
# point ``theta`` to stand at; ``objective.value`` is :math:`L`.  This one has 23 images of digits,
# averaged to 4 x 4 pixels, a network of two layers, and a loss named cross-entropy, which lesson 4
# writes out.  To most of this lesson it is just a function ``L`` of a vector.

from time import process_time
from timeit import repeat

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
objective, theta = ref.problems.ZOO["pooled digits"](rng)
L, P = objective.value, theta.size
print(f"P = {P} parameters, L(theta) = {L(theta):.4f}")

# %%
# The truth
# ---------
# To see an error we need the truth.  Along a direction :math:`v` the derivative is
#
# .. math:: \frac{d}{dt} L(\theta + t v)\Big|_{t=0} = g^\top v .
#
# :func:`reference.certify` computes it in floating point, and then a second time with *balls*: a
# midpoint and a radius, in as many bits as it takes, so that the true number is proven to lie
# within.  What comes back is the number and a proven bound of its error [Joh17].

v = rng.standard_normal(P)
v /= np.sqrt(v @ v)
proof = ref.certify(ref.gradient, objective, theta, v)
slope = proof.value
print(f"g^T v = {slope:.10f}, and the error is proven to be below 1e-15: {proof.radius < 1e-15}")
assert proof.radius < 1e-15

# %%
# Three ways to ask
# -----------------
# The *forward difference* is the definition of a derivative without its limit; the *central
# difference* goes both ways; the *complex step* goes into the imaginary direction, which is the
# subject of :ref:`sphx_glr_lessons_02_the_complex_step.py`.

ways = {"forward difference": lambda h: (L(theta + h * v) - L(theta)) / h,
        "central difference": lambda h: (L(theta + h * v) - L(theta - h * v)) / (2 * h),
        "complex step": lambda h: L(theta + 1j * h * v).imag / h}

# %%
# The error has two parts
# -----------------------
# Write Taylor's series along the line as :math:`L(\theta + hv) = c_0 + c_1 h + c_2 h^2 + \dots`,
# with :math:`c_1 = g^\top v`.  Then
#
# .. math::
#    \frac{L(\theta + hv) - L(\theta)}{h} - c_1 &= c_2 h + \dots
#    \\
#    \frac{L(\theta + hv) - L(\theta - hv)}{2h} - c_1 &= c_3 h^2 + \dots
#
# That is *truncation*: it asks for a small :math:`h`.  But a computer knows each :math:`L` only up
# to a rounding error of about :math:`\epsilon |L|`, with :math:`\epsilon = 2.2 \cdot 10^{-16}`.
# The difference of two values is wrong by twice that, and then it is divided by :math:`h`, or by
# :math:`2h`.  That is *cancellation*: it asks for a large :math:`h`.  In sum, at most about
#
# .. math:: |c_2| h + \frac{2 \epsilon |L|}{h}, \qquad |c_3| h^2 + \frac{\epsilon |L|}{h} .
#
# Set the derivative with respect to :math:`h` to zero:
#
# .. math::
#    h_{\text{forward}} = \sqrt{\frac{2 \epsilon |L|}{|c_2|}}, \qquad
#    h_{\text{central}} = \sqrt[3]{\frac{\epsilon |L|}{2 |c_3|}} .
#
# :func:`reference.taylor` gives the coefficients (:math:`c_2` is half of the second derivative
# along :math:`v`, :math:`c_3` a sixth of the third).

eps = np.finfo(float).eps
c0, c1, c2, c3 = ref.taylor(objective, theta, v, order=3).coefficients
noise = eps * abs(c0)
bound = {"forward difference": lambda h: abs(c2) * h + 2 * noise / h,
         "central difference": lambda h: abs(c3) * h ** 2 + noise / h}
best_h = {"forward difference": np.sqrt(2 * noise / abs(c2)),
          "central difference": np.cbrt(noise / (2 * abs(c3)))}
for name, h in best_h.items():
    assert bound[name](h) < min(bound[name](h / 1.1), bound[name](h * 1.1))
    print(f"{name}: best h about 1e{np.log10(h):.0f}, "
          f"error then at most about 1e{np.log10(bound[name](h)):.0f}")

# %%
# The V-curve
# -----------
# Now measure, for :math:`h` from 1 down to :math:`10^{-20}`.  Read the picture from right to left.
# The differences first gain digits, while truncation falls, and then lose them all to cancellation:
# where :math:`h\, |g^\top v|` is less than the spacing of floats at :math:`L`, here below about
# :math:`h = 10^{-14}`, both values of :math:`L` are mostly the same float, the difference is 0, and
# the error is 100 %.  The complex step has the truncation of the central difference, :math:`|c_3|
# h^2`, but subtracts nothing: once that is below :math:`\epsilon` it stays exact, to rounding.

steps = np.logspace(-20, 0, 81)
errors = {name: np.array([abs(way(h) - slope) for h in steps]) / abs(slope)
          for name, way in ways.items()}
figure, axes = plt.subplots(figsize=plotting.size(2))
for name, error in errors.items():
    line, = axes.loglog(steps, np.maximum(error, eps / 10), label=name)      # no log of 0
    if name in bound:
        h = best_h[name]
        axes.loglog(steps, bound[name](steps) / abs(slope), "--", marker="", color=line.get_color())
        axes.loglog(h, bound[name](h) / abs(slope), "*", color="black", ms=13)
axes.axhline(eps, color="gray", ls=":", label="eps, the spacing of floats at 1")
axes.set(xlabel="step length h (theta moves by h v, |v| = 1)", ylabel="relative error of g^T v",
         ylim=(1e-17, 100))
axes.legend(loc="center left", bbox_to_anchor=(0.02, 0.45))
plotting.caption(figure, "What to see: each difference draws a V, the complex step none. Dashed: "
                 "the bounds of the formulas above; stars: their best h, another for every "
                 "function. The lines on the left: no digit is right.")
plt.show()

# %%
# The bounds hold, up to what rounding does at random, and the stars are where the errors are least:

for name, h in best_h.items():
    assert np.all(errors[name] * abs(slope) < 10 * bound[name](steps) + abs(slope))
    near = np.median(errors[name][np.abs(np.log10(steps / h)) < 1]) * abs(slope)
    assert 1e-3 * bound[name](h) < near < 10 * bound[name](h)
assert errors["complex step"][steps < 1e-9].max() < 1e-13

# %%
# So a forward difference has at best half of the 16 digits, a central difference two thirds, and
# only with an :math:`h` that fits :math:`c_0`, :math:`c_2` and :math:`c_3`, which nobody knows
# beforehand.


def digits(error):
    """Correct digits, from 0 to the 15 that every float has."""
    return round(float(np.clip(-np.log10(error + 1e-99), 0, 15)))


for name, error in errors.items():
    print(f"{name:20} at its best {digits(error.min()):2} digits, at h = 1e-20 {digits(error[0])}")

# %%
# The work of a whole gradient
# ----------------------------
# One direction costs one or two values of :math:`L`.  The gradient has :math:`P` directions, hence
# :math:`P + 1` values by forward differences.  Backpropagation [RHW86] costs *less than three
# values, whatever* :math:`P` *is*.  (For any program, networks or not, its reverse mode, that is,
# backpropagation, costs a small constant times the value [GW08].)  Count multiplications.  A dense
# layer computes :math:`s = W_0 x + b` of its input :math:`x`.  We write this as :math:`s = W p`: a
# 1 is put behind the input, :math:`p = (x, 1)`, and the bias :math:`b` is the last column of
# :math:`W = (W_0\ b)`.  Let :math:`W` have the shape :math:`(O, I)`, and let there be :math:`N`
# examples.  With :math:`g_n = \partial L/\partial s_n`, one vector for each example, this takes
#
# - :math:`N O I` to compute all :math:`s_n = W p_n`,
# - :math:`N O I` for the gradient :math:`\partial L/\partial W = \sum_n g_n p_n^\top`,
# - :math:`N O I` for :math:`\partial L/\partial p_n = W^\top g_n`, which the layer before goes on
#   from, but none at the first layer, whose input is data.
#
# That is 3 products where the value has 1.  Why these are the derivatives is the subject of
# :ref:`sphx_glr_lessons_04_backpropagation_as_algebra.py`.  (``net.layout.shapes`` lists the shapes
# of the matrices.)


def multiplications(net, N):
    """(of the value, of the gradient), in matrix products."""
    products = [N * O * I for O, I in net.layout.shapes]
    return sum(products), 3 * sum(products) - products[0]


def seconds(f, theta):
    """The processor's, the least of some runs: what disturbs one only ever makes it slower."""
    return min(repeat(lambda: f(theta), number=1, repeat=7, timer=process_time))


x, y = ref.problems.digits(200)
for width in (8, 32, 128, 512):
    net = ref.Sequential(ref.Dense(64, width), ref.Tanh(), ref.Dense(width, width), ref.Tanh(),
                         ref.Dense(width, 10))
    wide, point = ref.Objective(net, ref.CrossEntropy(), x, y), net.initial(rng)
    value, gradient = multiplications(net, wide.N)
    clock = seconds(wide.grad, point) / seconds(wide.value, point)
    print(f"P = {point.size:6d}: differences {point.size + 1:6d} values of L, backpropagation "
          f"{gradient / value:.2f} by count, less than 15 by the clock: {clock < 15}")
    assert gradient / value < 3 and clock < 15

# %%
# The clock says between 2 and 6 on a quiet machine: the count leaves out :math:`\tanh`, sums and
# the traffic of memory.  (15 leaves room for a busy one.)  At the largest of these networks
# backpropagation takes some hundredths of a second; differences take the time of 300,000 values,
# about an hour.

# %%
# Every route to the same gradient
# --------------------------------
# A *route* is a way to compute a quantity.  This package reaches the gradient by several that share
# little code, so that each checks the others; :data:`reference.ROUTES` says what error to expect of
# each, in parts of the largest entry (``exact.scale``).  "Autograd" is another program's
# backpropagation, found operation by operation; "dual" is the subject of lesson 3.  "Central
# difference" is extrapolated to :math:`h \to 0`, which saves some of the lost digits but not all.

exact = ref.certify(ref.gradient, objective, theta)
for name, route in ref.ROUTES.items():
    if route.gradient:
        error = np.abs(ref.gradient(objective, theta, route=name) - exact.value).max() / exact.scale
        print(f"{name:<20} as exact as expected, {-np.log10(route.error(eps)):2.0f} digits: "
              f"{error < route.error(eps)}")
        assert error < route.error(eps)

# %%
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. Multiply the loss by 1000: do the stars move?  *Add* 1000 to it: what happens to the
#    differences, and why does the complex step not care?
# 2. Take :math:`L(\theta) = \frac12 \theta^\top\theta`.  Which term of the central difference's
#    error is missing, and how large may :math:`h` then be?
# 3. How many digits are left of a forward difference in float32?  Use ``objective.to("float32")``
#    and ``.astype("float32")`` of ``theta``, ``v`` *and* ``h``: one float64 among them, and
#    NumPy makes all of :math:`\theta + h v` float64.
