r"""
2. The complex step
===================

Put an imaginary number where a real one was, and a program that computes :math:`f(x)` computes
:math:`f'(x)` as well, exact to rounding, without a line of calculus.  The price is a rule of good
conduct: every operation in the program must be *analytic*.  This lesson derives the step [ST98],
breaks it without a single warning from NumPy, mends it, and then takes :math:`g^\top v` and
:math:`H v` of a network by it.

Before it: :ref:`sphx_glr_lessons_01_what_a_derivative_costs.py`.
"""

# %%
# The step
# --------
# Taylor's series holds for complex steps as well:
#
# .. math:: f(x + ih) = f(x) + i h f'(x) - \frac{h^2}{2} f''(x) - \frac{i h^3}{6} f'''(x) + \dots
#
# Only odd powers of :math:`h` are imaginary.  Divide the imaginary part by :math:`h`:
#
# .. math:: \frac{\operatorname{Im} f(x + ih)}{h} = f'(x) - \frac{h^2}{6} f'''(x) + \dots
#
# Nothing is subtracted, hence nothing cancels, and :math:`h` may be so small that the second term
# vanishes: :math:`h = 10^{-20}`, for every function.  Here is the function of Squire and Trapp.

import matplotlib.pyplot as plt
import numpy as np

import reference as ref
from reference import plotting

plt.style.use(plotting.STYLE)


def f(x):
    """e^x / (sin^3 x + cos^3 x)."""
    return np.exp(x) / (np.sin(x) ** 3 + np.cos(x) ** 3)


x = 1.5
s, c = np.sin(x), np.cos(x)
truth = f(x) * (1 - 3 * s * c * (s - c) / (s ** 3 + c ** 3))         # by hand, for once
for h in 1e-2, 1e-5, 1e-8, 1e-20, 1e-100:
    error = abs(f(x + 1j * h).imag / h - truth) / abs(truth)
    print(f"h = {h:.0e}: relative error {'below 1e-14' if error < 1e-14 else f'{error:.0e}'}")
assert error < 1e-14

# %%
# Why it works
# ------------
# Look at one product.  With imaginary parts of size :math:`h`,
#
# .. math:: (a + i h a')(b + i h b') = ab - h^2 a'b' + i h (a b' + a' b).
#
# The imaginary part is the *product rule*.  The real part is wrong by :math:`h^2 a'b'`, of relative
# size :math:`10^{-40}`, which a float cannot show.  And :math:`h a'` is a number of its own, with
# its own exponent: it loses no digit for being small.

product = (3 + 2e-20j) * (5 + 7e-20j)
print(f"real part {product.real}, imaginary part {product.imag / 1e-20:.0f} h = (3*7 + 2*5) h")
assert product.real == 15 and np.isclose(product.imag / 1e-20, 31, rtol=1e-15)

# %%
# How it breaks
# -------------
# The series above is that of an *analytic* function: a formula in :math:`x` alone.  Some functions
# of NumPy are none: they conjugate (:math:`\bar z`), take :math:`|z|`, or drop a part.  In each
# line below, the first function is what one would write; it never warns.  The second is the same
# function written analytically:
#
# - *sum of squares* ``x @ x`` instead of ``norm``, ``vdot``, ``var``: no :math:`|z|^2`;
# - *branch on the primal part*: ask the real part which case it is, then compute with the whole
#   number.
#
# The truth is told by an ordinary central difference: fewer digits, but never fooled.

a = np.array([0.3, -1.2, 0.8])
v = np.array([1.0, 2.0, -1.0])
w = np.array([2.0, 1.0, 1.0])

ways = {
    "abs": (lambda x: np.abs(x).sum(), lambda x: np.where(x.real > 0, x, -x).sum()),
    "norm": (np.linalg.norm, lambda x: np.sqrt(x @ x)),
    "var": (np.var, lambda x: np.mean((x - np.mean(x)) ** 2)),
    "vdot": (lambda x: np.vdot(x, w), lambda x: x @ w),
    "conj": (lambda x: (x @ np.conj(x)).real, lambda x: x @ x),
    "sign": (lambda x: x @ np.sign(x - 1), lambda x: x @ np.sign(x.real - 1)),
}


def slope(f, x, v, h=1e-20):
    """The derivative of f along v, by the complex step."""
    return np.imag(f(x + 1j * h * v)) / h


def difference(f, x, v, h=1e-5):
    """The same by central differences."""
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


print(f"{'function':<10}{'complex step':>14}{'mended':>10}{'truth':>10}")
for name, (naive, mended) in ways.items():
    wrong, right, truth = slope(naive, a, v), slope(mended, a, v), difference(naive, a, v)
    print(f"{name:<10}{wrong + 0:14.4f}{right:10.4f}{truth:10.4f}")
    assert np.isclose(right, truth, atol=1e-8) and not np.isclose(wrong, truth, atol=0.1)

# %%
# Zeros are the friendly failures.  ``vdot`` has the wrong *sign*, for it conjugates its first
# argument, and ``sign`` gives a number that looks like any other: NumPy's sign of a complex number
# is :math:`z/|z|`.  (``wrong + 0`` prints 0 for -0.)
#
# The picture shows three of them for one variable.  In the middle both arguments depend on
# :math:`x`: the truth is :math:`(x + 1) + x`, but the conjugated argument counts with the wrong
# sign, :math:`-(x + 1) + x = -1`.

xs = np.linspace(-2, 2, 80)                    # an even number: none of them is at a kink
one = {"abs(x)": (np.abs, lambda x: np.where(x.real > 0, x, -x)),
       "vdot(x, x + 1)": (lambda x: np.conj(x) * (x + 1), lambda x: x * (x + 1)),
       "x sign(x - 1)": (lambda x: x * np.sign(x - 1), lambda x: x * np.sign(x.real - 1))}
figure, axes = plt.subplots(1, 3, figsize=plotting.size(3), sharey=True)
for ax, (name, (naive, mended)) in zip(axes, one.items()):
    ax.plot(xs, slope(mended, xs, 1), "-", color=plotting.COLORS["blue"], marker="", lw=3,
            label="mended: the truth")
    ax.plot(xs, slope(naive, xs, 1), "--", color=plotting.COLORS["vermilion"], marker="",
            label="as NumPy has it")
    ax.set(title=f"slope of {name}", xlabel="x")
axes[0].set(ylabel="slope", ylim=(-6, 6))
axes[0].legend()
plotting.caption(figure, "What to see: where a function conjugates or takes |z|, the complex step "
                 "(dashed) gives a slope that is wrong, without a warning.")
plt.show()

# %%
# Comparisons and largest entries
# -------------------------------
# ``max``, ``argmax``, ``maximum`` and ``>`` accept complex numbers: NumPy compares the real parts,
# and *if these are equal, the imaginary parts*.  So the direction decides which branch is taken.
# That happens exactly at ties, and ties are common: white pixels under max pooling, zeros under a
# ReLU.  What comes back is the slope on one side.  It is not linear in :math:`v`: the slopes along
# :math:`v` and :math:`-v` do not cancel, so no gradient gives both.  A branch on the real part
# takes the same side for every :math:`v`, as backpropagation does.

white = np.array([0.5, 0.5, 0.5])
for name, naive, mended in [
        ("max", lambda x: np.max(x), lambda x: x[np.argmax(x.real)]),
        ("ReLU", lambda x: np.sum(np.maximum(x - 0.5, 0)),
         lambda x: np.sum(np.where(x.real > 0.5, x - 0.5, 0)))]:
    odd = [slope(f, white, v) + slope(f, white, -v) for f in (naive, mended)]
    print(f"{name:<5}slope along v + slope along -v: {odd[0]:.0f}, branch on the real part "
          f"{odd[1]:.0f}")
    assert odd[0] > 1 and odd[1] == 0

# %%
# Two tests catch most of it.  A result that is *real* has lost its imaginary part; and a derivative
# must agree with a difference at a random point.  This package goes further: all of
# ``reference/network`` is analytic code, and a test reads its syntax tree and refuses ``abs``,
# ``norm``, ``var``, ``vdot``, ``conj``, ``sign`` and ``maximum`` by name.
#
# A whole network
# ---------------
# ``ZOO["digits"]`` has 200 images of 64 pixels and a network 64-16-10.  Nothing has to be
# prepared.  :math:`L(\theta + ihv)` is the same program on complex numbers:
#
# .. math:: g^\top v = \frac{\operatorname{Im} L(\theta + ihv)}{h}.

rng = np.random.default_rng(0)
objective, theta = ref.problems.ZOO["digits"](rng)
h, v = 1e-20, rng.standard_normal(theta.size)
gv = objective.value(theta + 1j * h * v).imag / h
proof = ref.certify(ref.gradient, objective, theta, v)
print(f"P = {theta.size}, g^T v = {gv:.10f}")
print(f"off the proven value by less than 1e-13 of it: {abs(gv - proof.value) < 1e-13 * abs(gv)}")
assert abs(gv - proof.value) + proof.radius < 1e-13 * abs(gv)

# %%
# And since the backpropagated gradient is a program, too, the same step through *its* code gives
# the Hessian :math:`H = \partial^2 L/\partial\theta^2` times a vector, which is the derivative of
# :math:`g` along :math:`v`, for the price of one complex gradient and without ever forming
# :math:`H`:
#
# .. math:: H v = \frac{\operatorname{Im}\, g(\theta + ihv)}{h}.
#
# :func:`reference.hvp` does this by several routes; "complex step" is this line, "dual" the
# R-operator [Pea94].  :ref:`sphx_glr_lessons_03_four_number_systems.py` says how they are related.

Hv = objective.grad(theta + 1j * h * v).imag / h
for route in "dual", "complex step":
    other = ref.hvp(objective, theta, v, route=route)
    apart = np.abs(Hv - other).max() / np.abs(Hv).max()
    print(f"H v against route {route!r}: closer than 1e-13 of its largest entry: {apart < 1e-13}")
    assert apart < 1e-13

u = rng.standard_normal(theta.size)
Hu = objective.grad(theta + 1j * h * u).imag / h
print(f"symmetry: u^T H v = {u @ Hv:.6f}, v^T H u = {v @ Hu:.6f}")
assert np.isclose(u @ Hv, v @ Hu, rtol=1e-12)

# %%
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. ``np.abs(x) ** 2`` is a popular way to write :math:`x^2`.  What does the complex step make of
#    it?
# 2. A softmax subtracts ``x.max()`` before it exponentiates.  Why does it not matter here whether
#    that maximum carries an imaginary part?
# 3. Why is :math:`\tanh` of a complex number harmless near the real axis, and at which :math:`h`
#    does it blow up?
