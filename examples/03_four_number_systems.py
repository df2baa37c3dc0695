r"""
3. Four number systems
======================

The complex step was a trick: a number with a second part that carries a derivative.  Here is the
idea behind it.  Put a *unit* with a multiplication rule of its own beside 1, run the same network
on such numbers, and read derivatives off the coefficients.  Four rules matter:

- complex numbers, :math:`i^2 = -1`;
- dual numbers, :math:`\varepsilon^2 = 0`;
- hyper-dual numbers, two such units, :math:`\varepsilon_1^2 = \varepsilon_2^2 = 0` but
  :math:`\varepsilon_1 \varepsilon_2 \ne 0` [FA11];
- bicomplex numbers, :math:`i^2 = j^2 = -1` and :math:`ij = ji` [Lan12].

The first two give first derivatives of a function, the last two second derivatives.

Before it: :ref:`sphx_glr_lessons_02_the_complex_step.py`.
"""

# %%
# Units are matrices
# ------------------
# A unit is nothing mysterious: small matrices do the same.
#
# .. math:: \varepsilon = \begin{pmatrix} 0 & 1 \\ 0 & 0 \end{pmatrix}, \quad
#           i = \begin{pmatrix} 0 & -1 \\ 1 & 0 \end{pmatrix}, \qquad
#           \varepsilon^2 = 0, \quad i^2 = -1.
#
# Two units that commute come from the *Kronecker product* :math:`A \otimes B`, a matrix of
# matrices: each entry :math:`a` of :math:`A` is replaced by the block :math:`a B` (``np.kron``).
# Such products multiply factor by factor, :math:`(A \otimes B)(C \otimes D) = AC \otimes BD`.  So,
# with the unit matrix 1, :math:`\varepsilon_1 = 1 \otimes \varepsilon` and :math:`\varepsilon_2 =
# \varepsilon \otimes 1` have the product :math:`\varepsilon \otimes \varepsilon` in either order,
# and their squares are 0; and :math:`i`, :math:`j` in the same way.

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import expm

import reference as ref
from reference import plotting
from reference.arrays.bicomplex import Bicomplex
from reference.arrays.dual import Dual

plt.style.use(plotting.STYLE)
one, E, J, K = np.eye(2), np.array([[0., 1], [0, 0]]), np.array([[0., -1], [1, 0]]), np.kron
UNITS = {"complex": {"1": one, "i": J},
         "dual": {"1": one, "e": E},
         "hyper-dual": {"1": K(one, one), "e1": K(one, E), "e2": K(E, one), "e1e2": K(E, E)},
         "bicomplex": {"1": K(one, one), "i": K(one, J), "j": K(J, one), "ij": K(J, J)}}


def name_of(M, units):
    """Which unit M is, with its sign; "0" for none."""
    names = {sign + name: s * U for name, U in units.items() for sign, s in (("", 1), ("-", -1))}
    return next((name for name, U in names.items() if np.array_equal(M, U)), "0")


for system, units in UNITS.items():
    table = [[name_of(U @ V, units) for V in units.values()] for U in units.values()]
    print(f"{system}: {sum(len(row) - row.count('0') for row in table)} products are not 0")
    print("\n".join("".join(f"{entry:>6}" for entry in row) for row in table))

# %%
# The first row and the first column multiply by 1 and so name the units.  A product of two such
# numbers needs as many real multiplications as its table has entries that are not 0: complex
# numbers cost 4, dual numbers 3, hyper-dual numbers 9, bicomplex numbers 16.  (Where one factor is
# real, as the data are, it is only 2, 2, 4 and 4.)
#
# The package's numbers, ``Dual`` (``reference/arrays/dual.py``, a hundred lines) and ``Bicomplex``
# (``reference/arrays/bicomplex.py``), obey the same tables.  Both hold two parts, ``.re`` and
# ``.du``, the latter at their unit: ``Dual(a, b)`` is :math:`a + b\varepsilon`, and
# ``Bicomplex(a, b)`` is :math:`a + bj` of complex :math:`a`, :math:`b`.  A hyper-dual number is a
# dual number whose two parts are dual numbers.  Random products agree with those of the matrices:

MAKE = {"complex": lambda a, b: a + 1j * b,
        "dual": Dual,
        "hyper-dual": lambda a, b, c, d: Dual(Dual(a, b), Dual(c, d)),
        "bicomplex": lambda a, b, c, d: Bicomplex(a + 1j * b, c + 1j * d)}
READ = {"complex": lambda z: [z.real, z.imag],
        "dual": lambda z: [z.re, z.du],
        "hyper-dual": lambda z: [z.re.re, z.re.du, z.du.re, z.du.du],
        "bicomplex": lambda z: [z.re.real, z.re.imag, z.du.real, z.du.imag]}
rng = np.random.default_rng(0)
for system, units in UNITS.items():
    basis = np.array(list(units.values()))
    a, b = rng.standard_normal((2, len(units)))
    c = READ[system](MAKE[system](*a) * MAKE[system](*b))
    A, B, C = [np.tensordot(coefficients, basis, 1) for coefficients in (a, b, c)]
    assert np.allclose(A @ B, C, rtol=0, atol=1e-14)

# %%
# Taylor's series ends
# --------------------
# Where :math:`\varepsilon^2 = 0`, Taylor's series has two terms, with nothing left out:
#
# .. math:: f(x + \varepsilon v) = f(x) + \varepsilon f'(x) v .
#
# There is no step length to choose and no truncation.  With two units the product
# :math:`\varepsilon_1 \varepsilon_2` survives, and carries the *second* derivative:
#
# .. math:: f(x + \varepsilon_1 u + \varepsilon_2 v)
#           = f + \varepsilon_1 f' u + \varepsilon_2 f' v + \varepsilon_1 \varepsilon_2 f'' u v .
#
# With matrices one can watch it: the exponential of a matrix, by SciPy, which knows nothing of
# derivatives, has :math:`f`, :math:`f'`, :math:`f'` and :math:`f''` of :math:`f(x) = e^{3x}` in its
# first row.  There the coefficients can be read, since the first rows of the matrices of 1,
# :math:`\varepsilon_1`, :math:`\varepsilon_2`, :math:`\varepsilon_1\varepsilon_2` are the four unit
# vectors.

x = 0.2
second = expm(3 * (x * np.eye(4) + UNITS["hyper-dual"]["e1"] + UNITS["hyper-dual"]["e2"]))[0]
print("f, f', f', f'' =", *[f"{t:.4f}" for t in second])
assert np.allclose(second, np.exp(3 * x) * np.array([1, 3, 3, 9]), rtol=1e-13)

# %%
# One network, four systems
# -------------------------
# Now :math:`f` is the loss of a network, :math:`x` is :math:`\theta`, and :math:`u`, :math:`v` are
# directions.  ``objective.value`` is the same code for all four: what it computes is decided by the
# numbers it is given.
#
# .. math::
#    L(\theta + i h v) &\to h\, g^\top v \quad\text{at } i
#    \\
#    L(\theta + \varepsilon v) &\to g^\top v \quad\text{at } \varepsilon
#    \\
#    L(\theta + \varepsilon_1 u + \varepsilon_2 v) &\to u^\top H v
#    \quad\text{at } \varepsilon_1 \varepsilon_2
#    \\
#    L(\theta + i h u + j h v) &\to h^2\, u^\top H v \quad\text{at } ij
#
# The complex ones need a small :math:`h`, since their series do not end: the next term is smaller
# by :math:`h^2`.

objective, theta = ref.problems.ZOO["pooled digits"](rng)
L, P, h = objective.value, theta.size, 1e-20
u, v = rng.standard_normal((2, P)) / np.sqrt(P)

found = {("g^T v", "complex"): L(theta + 1j * h * v).imag / h,
         ("g^T v", "dual"): L(Dual(theta, v)).du,
         ("u^T H v", "hyper-dual"): L(Dual(Dual(theta, u), Dual(v, 0 * v))).du.du,
         ("u^T H v", "bicomplex"): L(Bicomplex(theta + 1j * h * u, h * v + 0j)).du.imag / h ** 2}

truth = {"g^T v": ref.certify(ref.gradient, objective, theta, v).value,
         "u^T H v": ref.certify(lambda objective, theta, u, v: u @ ref.hvp(objective, theta, v),
                                objective, theta, u, v).value}
for (name, system), value in found.items():
    near = abs(value - truth[name]) < 1e-13 * abs(truth[name])
    print(f"{name:<8} by {system:<11}{value: .10f}  as proven, to 1e-13: {near}")
    assert near

# %%
# A vector at once
# ----------------
# :math:`u^\top H v` is one number.  Run the *gradient's* code on numbers with one unit instead, and
# a whole vector :math:`H v` comes out.  On dual numbers this is Pearlmutter's R-operator [Pea94],
# the default of :func:`reference.hvp`; on complex ones the complex step of lesson 2.
#
# The dual part of a variable :math:`x` is called its *tangent*, and written :math:`R\{x\}`, ``Rx``
# in code: the derivative of :math:`x` along :math:`v`.  Each line of a program passes tangents on,
# by the product rule where it multiplies, :math:`R\{W p\} = R\{W\}\, p + W R\{p\}`.

Hv = {"complex": objective.grad(theta + 1j * h * v).imag / h,
      "dual": objective.grad(Dual(theta, v)).du}
for system, product in Hv.items():
    print(f"u^T (H v), H v by {system:<8}{u @ product: .10f}")
    assert np.isclose(u @ product, truth["u^T H v"], rtol=1e-12)

# %%
# The dual part may hold :math:`K` directions at once, as an array :math:`(K, P)`; the products of
# the real parts are then shared.  All :math:`P` unit vectors give the gradient from the function
# alone, and the Hessian from the gradient.

every = np.eye(P)
g, H = L(Dual(theta, every)).du, objective.grad(Dual(theta, every)).du
print(f"g {g.shape}, H {H.shape}, symmetric to rounding: {np.allclose(H, H.T, rtol=0, atol=1e-14)}")
assert np.allclose(g, objective.grad(theta), rtol=0, atol=1e-14)
assert np.allclose(u @ H @ v, truth["u^T H v"], rtol=1e-12)

# %%
# Which one?
# ----------
# Dual numbers have no :math:`h` and the cheapest product.  The complex step needs no class at all:
# every program that takes complex numbers has it.  Hyper-dual and bicomplex numbers use no gradient
# code, so they can check it; but one run gives one number :math:`u^\top H v`, where one run of the
# gradient gives all :math:`P` of :math:`Hv`.  Differences of :math:`L` need none of this, divide
# rounding by :math:`h^2`, and lose most of the digits.

steps = np.logspace(-20, 0, 61)
with_h = {"differences of L": lambda h: sum(a * b * L(theta + h * (a * u + b * v))
                                            for a in (1, -1) for b in (1, -1)) / (4 * h * h),
          "complex step of g": lambda h: u @ objective.grad(theta + 1j * h * v).imag / h,
          "bicomplex L": lambda h: L(Bicomplex(theta + 1j * h * u, h * v + 0j)).du.imag / h ** 2}
figure, axes = plt.subplots(figsize=plotting.size(2))
for name, way in with_h.items():
    error = np.array([abs(way(h) / truth["u^T H v"] - 1) for h in steps])
    axes.loglog(steps, np.clip(error, 1e-17, 1e3), label=name)
exact = abs(found["u^T H v", "hyper-dual"] / truth["u^T H v"] - 1)
axes.axhline(max(exact, 1e-17), color="black", ls=":", label="hyper-dual L: no h")
axes.set(xlabel="step length h", ylabel="relative error of u^T H v")
axes.legend(loc="center left")
plotting.caption(figure, "What to see: only the differences are spoilt by a small h, and at their "
                 "best lose half of the digits. Errors beyond 1000 are drawn at 1000.")
plt.show()

# %%
# **Try:** (and then see the :doc:`answers </answers>`)
#
# 1. Take *one* unit with :math:`\varepsilon^3 = 0` but :math:`\varepsilon^2 \ne 0`, and write it as
#    a 3 x 3 matrix.  Where in :math:`L(\theta + \varepsilon v)` is :math:`v^\top H v`?
#    (:func:`reference.taylor` goes on from there.)
# 2. At :math:`h = 10^{-170}` the bicomplex numbers fail.  Why there?
# 3. Time ``L`` on each system for a large network.  Do the counts tell which is the slowest?
# 4. ``Dual`` may hold balls, numbers that carry a bound on their own error (lesson 10).  Import
#    ``ball`` from ``reference.arrays``, and give ``Dual(ball.exact(theta), ball.exact(v))`` to
#    ``L``.  What is proven then?
