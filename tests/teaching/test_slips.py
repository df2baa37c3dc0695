"""Typical wrong answers, planted in the source of the solutions: each is told with its reason."""

import pytest

import reference as ref
from tests.teaching.test_exercises import SHORTS, flat, solved

# exercise: [(what is exchanged in the solution, by what, words that the mark must have), ...]
PLANTED = {
    "forward": [
        ("W[:, :-1].T + W[:, -1]", "W[:, 1:].T + W[:, 0]", "first column of W is taken for the"),
        (" + W[:, -1]", "", "the bias is left out"),
        (" + W[:, -1]", " - W[:, -1]", "the bias is subtracted"),
        (" + W[:, -1]", " + 2 * W[:, -1]", "the bias is added twice"),
        ("W[:, -1]", "W[:, -1:]", "no known slip|raises|wrong shape"),
        ("x @ W[:, :-1].T + W[:, -1]", "(x @ W[:, :-1].T + W[:, -1]).T", "it is transposed"),
        ("x @ W[:, :-1].T + W[:, -1]", "x @ W[:, :-1] + W[:, -1]", "W0 is not transposed"),
        ("x @ W[:, :-1].T + W[:, -1]", "-x @ W[:, :-1].T - W[:, -1]", "The sign is reversed"),
        ("x @ W[:, :-1].T + W[:, -1]", "(x @ W[:, :-1].T + W[:, -1]) / len(x)",
         "times 1/N. N is 7"),
        ("if W.shape[1] == x.shape[1]:\n        return x @ W.T", "", "raises ValueError"),
        ("x @ W[:, :-1].T", "x @ W[:, :-1].conj().T", "W0 is conjugated, and the bias is not"),
        ("x @ W[:, :-1].T + W[:, -1]", "x @ W[:, :-1].conj().T + W[:, -1].conj()",
         "W is conjugated"),
        ("x @ W[:, :-1].T", "x.real @ W[:, :-1].T", "no known slip"),
        ("x @ W[:, :-1].T + W[:, -1]", "(x @ W[:, :-1].T + W[:, -1]).real",
         "imaginary part is lost"),
        ("x @ W[:, :-1].T", "x @ W[:, :-1].T.astype(float)", "float64, expected float32"),
        ("x @ W[:, :-1].T", "x @ W[:, :-1].T.astype('f')", "digits are right|float32|complex64")],
    "complex_step": [
        (".imag / h", ".imag", "times h = 1e-20. Divide the imaginary part by the step h"),
        (".imag / h", ".imag / h / 2", "One half of it is missing"),
        (".imag / h", ".imag / h**2", "divided by the step h once too often"),
        (".imag / h", ".real / h", "it is f(theta) itself over h, the real part"),
        ("1e-20", "1e-4", "digits are right: this is an approximation"),
        ("f(moved).imag / h", "(f(moved.real + h * (np.arange(theta.size) == i)) - f(theta)) / h",
         "it is 0 in every entry"),
        ("moved[i] += 1j * h", "moved += 1j * h", "each entry is the sum of the gradient"),
        ("1j * h", "-1j * h", "The sign is reversed"),
        ("return grad", "return grad.sum()", "it is their sum alone"),
        ("return grad", "return grad[0]", "expected (2,), got ()"),
        ("theta.astype(complex)", "theta", "Cast|raises"),
        ("moved = theta.astype(complex)", "moved = theta.astype(complex) if i == 0 else moved",
         "summed up so far"),
        ("return grad", "return grad * theta.size", "times P|counted twice")],
    "jvp": [
        (" + Rx @ W0.T", "", "the part of x is missing"),
        ("x @ np.swapaxes(RW0, -1, -2) + Rb[..., None, :] + ", "", "the part of W is missing"),
        (" + Rb[..., None, :]", "", "the tangent of the bias is left out"),
        (" + Rx @ W0.T", " + Rx @ W0.T + W[:, -1]", "the constant 1 is given the tangent 1"),
        ("return x @ np.swapaxes(RW0, -1, -2) + Rb[..., None, :] + Rx @ W0.T",
         "return x @ W0.T + W[:, -1]", "it is s itself, no derivative"),
        ("return x @ np.swapaxes(RW0, -1, -2) + Rb[..., None, :] + Rx @ W0.T",
         "return Rx @ RW0.T", "a product of two tangents"),
        ("W0, RW0, Rb = ", "x = -x; Rx = -Rx; W0, RW0, Rb = ", "no known slip"),
        ("Rb[..., None, :]", "W[:, -1]", "b is added in place of its tangent"),
        (" + Rx @ W0.T", " + Rx @ (W0 + RW0).T", "a product of two tangents, is added"),
        ("return x @ np.swapaxes(RW0, -1, -2) + Rb[..., None, :] + Rx @ W0.T",
         "return 2 * (x @ RW0.T + Rb + Rx @ W0.T)", "A term is counted twice"),
        ("x @ np.swapaxes(RW0, -1, -2) + Rb[..., None, :]", "x @ RW0.T + Rb", "raises ValueError"),
        ("if W.shape[1] == x.shape[1]", "if False", "raises ValueError"),
        ("RW0, -1, -2) +", "RW0, -1, -2).astype(float) +", "float64, expected float32")],
    "vjp": [
        ("ds.T @ p", "ds.T @ x", "the bias column is missing"),
        ("W[:, :-1]", "W", "the constant 1 gets a cotangent"),
        ("[x, ones]", "[ones, x]", "the bias column comes first"),
        ("np.ones(", "np.zeros(", "the bias column is 0"),
        ("ds.T @ p", "ds.T @ p / len(x)", "times 1/N. N is 7 here: something is divided by N"),
        ("ds.T @ p", "p.T @ ds", "dW: it is transposed"),
        ("ds.T @ p", "np.outer(ds[0], p[0])", "only the first example is in it"),
        ("ds.T @ p", "np.ones_like(ds).T @ p", "ds does not enter"),
        ("ds.T @ p", "ds.T @ p.conj()", "x is conjugated"),
        ("ds @ W[:, :-1]", "ds.conj() @ W[:, :-1]", "ds is conjugated"),
        ("ds @ W[:, :-1]", "ds @ W[:, :-1] / len(x)", "dx: it is the right answer times 1/N"),
        ("ds @ W[:, :-1]", "-ds @ W[:, :-1]", "The sign is reversed"),
        ("ds @ W[:, :-1]", "ds @ W[:, 1:]", "for RW and Rx full of ones"),
        (", dtype=x.dtype", "", "dW is float64, expected float32"),
        ("return ds.T @ x, ds @ W\n", "pass\n", "there is a column for a bias, and W has none")],
    "softmax": [
        ("    g[np.arange(len(y)), y] -= 1\n", "", "g: the label is not subtracted"),
        ("g[np.arange(len(y)), y] -= 1", "g -= 1", "1 is subtracted from every class"),
        ("g[np.arange(len(y)), y] -= 1", "g[0, y] -= 1", "no known slip"),
        ("return g, H", "return -g, H", "g: it is the right answer times -1"),
        ("return g, H", "return g / len(z), H / len(z)", "it is divided by N"),
        (" - p[:, :, None] * p[:, None, :]", "", "H: p p^T is missing"),
        (" - p[:, :, None]", " + p[:, :, None]", "H: p p^T is added"),
        ("H = p[:, :, None] * np.eye(z.shape[1], dtype=z.dtype) -", "H = -", "diag(p) is missing"),
        ("return g, H", "return g, H * np.eye(z.shape[1])", "the diagonal alone, p (1 - p)"),
        ("return g, H", "return g, g[:, :, None] * g[:, None]", "the empirical Fisher matrix"),
        ("return g, H", "return g, H.sum(0)", "it is summed over the examples"),
        (" - z.max(axis=1, keepdims=True)", "", "is NaN"),
        ("e.sum(axis=1, keepdims=True)", "e.sum()", "no known slip"),
        (", dtype=z.dtype", "", "H is float64, expected float32")],
    "gradient": [
        ("(p - np.eye(p.shape[1])[y]) / len(x)", "p - np.eye(p.shape[1])[y]", "times N."),
        ("(p - np.eye(p.shape[1])[y])", "(np.eye(p.shape[1])[y] - p)", "g2 is (e_y - p)/N"),
        ("(p - np.eye(p.shape[1])[y])", "p", "the label is not subtracted"),
        (" * (1 - a**2)", "", "activations' derivatives are left out"),
        (" * (1 - a**2)", " * (1 - a)", "the slope of tanh is taken for 1 - a"),
        (" * (1 - a**2)", " * a * (1 - a)", "that of the sigmoid"),
        (" * (1 - a**2)", " * (1 - np.tanh(a)**2)", "slope of tanh is taken at a"),
        ("g1.T @ p1", "g1.T @ x", "dW1: the last column of it, of the constant 1, is missing"),
        ("g1.T @ p1", "p1.T @ g1", "dW1 is transposed"),
        ("g1.T @ p1", "2 * g1.T @ p1", "W1: it is the right answer times 2"),
        ("g2.T @ p2", "g2.T @ p2 / len(x)", "W2: it is the right answer times 1/N"),
        ("g1.T @ p1", "0 * g1.T @ p1", "first wrong, in the order of backpropagation: what belongs "
         "to W1"),
        (" - z.max(axis=1, keepdims=True)", "", "is NaN"),
        ("@ W2[:, :a.shape[1]] *", "@ W2[:, :-1] *", "raises ValueError")],
    "hvp": [
        (" + g2.T @ Rp2", "", "in HV2 the term g2^T (Ra, 0) is missing"),
        (" + g2 @ V2[:, :H]", "", "in HV1 the term g2 V2 is missing"),
        (" - 2 * da * a * Ra", "", "the slope 1 - a^2 has no R"),
        (" - 2 * da * a * Ra", " + 2 * da * a * Ra", "R of the slope has the wrong sign"),
        (" - 2 * da * a * Ra", " - da * a * Ra", "R of the slope lacks the 2"),
        ("Rg2.T @ p2 + ", "", "in HV2 the term Rg2^T p2 is missing"),
        ("Rg2 @ W2[:, :H] + ", "", "in HV1 the term Rg2 W2 is missing"),
        ("p * Rz - p * (p * Rz).sum(axis=1, keepdims=True)", "p * Rz", "lacks p p^T"),
        ("return Rg1.T @ p1, Rg2.T @ p2 + g2.T @ Rp2", "return g1.T @ p1, g2.T @ p2",
         "raises Name"),
        ("Rg2.T @ p2 + g2.T @ Rp2", "(Rg2.T @ p2 + g2.T @ Rp2)[:, :-1]", "HV2: the last column"),
        ("return Rg1.T @ p1, Rg2.T @ p2 + g2.T @ Rp2",
         "return 2 * Rg1.T @ p1, 2 * (Rg2.T @ p2 + g2.T @ Rp2)", "times 2")],
    "gauss_newton_product": [
        ("(p * Rz - p * (p * Rz).sum(axis=1, keepdims=True))", "Rz", "Rz itself goes back|J^T J"),
        ("p * Rz - p *", "p * Rz + p *", "is taken with a plus"),
        ("p * Rz - p * (p * Rz).sum(axis=1, keepdims=True)", "p * Rz", "- p p^T is missing"),
        (") / len(x)", ")", "times N."),
        (") / len(x)", ") / len(x)**2", "times 1/N."),
        ("(SRz @ W2[:, :H] * (1 - a**2)).T", "(SRz @ W2[:, :H]).T", "slope is missing on the way"),
        ("p2 @ V2.T + ", "", "the part of V2 is missing"),
        (" + Rp2 @ W2.T", "", "the part of V1 is missing"),
        (", SRz.T @ p2", ", p2.T @ SRz", "GV2 is transposed"),
        ("return (SRz", "return -(SRz", "W1: it is the right answer times -1"),
        ("SRz.T @ p2", "SRz.T @ p2[:, :-1]", "GV2: the last column")],
    "kfac_factors": [
        (" * (1 - a**2)[:, None, :]", "", "the slope is missing in G1"),
        ("back, back) / N", "back, back)", "G of W1: it is the right answer times N"),
        ("scores, scores) / N", "scores, scores) / N**2",
         "G of W2: it is the right answer times 1/N"),
        ("p1.T @ p1 / N", "p1.T @ p1", "A of W1: it is the right answer times N"),
        ("p1.T @ p1 / N", "x.T @ x / N", "A1: the last row and column of it, of the constant 1"),
        ("scores = p[:, None, :] - np.eye(C)", "scores = 0 * p[:, None, :] - np.eye(C)",
         "the scores are e_c alone"),
        ("N, C = p.shape\n", "N, C = p.shape\n    q = p; p = np.ones_like(p) / C\n",
         "no known slip"),
        ("[(G1, p1.T @ p1 / N), (G2, p2.T @ p2 / N)]", "[(p1.T @ p1 / N, G1), (p2.T @ p2 / N, G2)]",
         "A and G have changed places"),
        ("[(G1, p1.T @ p1 / N), (G2, p2.T @ p2 / N)]", "[G1, G2]", "returns 2 arrays; expected 4"),
        ('G1 = np.einsum("nc,nci,ncj->ij", p, ', 'p = np.eye(C)[y]\n    G1 = np.einsum('
         '"nc,nci,ncj->ij", p, ', "labels of the data, the empirical Fisher")],
    "bfgs": [
        (" + rho * np.outer(s, s)", "", "the term rho s s^T is missing"),
        ("+ rho * np.outer(s, s)", "- rho * np.outer(s, s)", "rho s s^T is subtracted"),
        ("rho * np.outer(s, y)", "rho * np.outer(y, s)", "the two brackets are exchanged"),
        ("np.outer(s, y)", "s * y.T", "s y^T is taken entry by entry"),
        ("left @ H @ left.T", "left @ H", "only the left bracket is there"),
        ("left @ H @ left.T", "H @ left.T", "only the right bracket is there"),
        ("1 / (s @ y)", "s @ y", "rho is s.y, not 1/(s.y)"),
        ("+ rho * np.outer(s, s)", "+ np.outer(s, s)", "the last term is without rho"),
        ("+ rho * np.outer(s, s)", "+ rho * np.outer(y, y)", "the last term is rho y y^T"),
        ("    if s @ y", "    s, y = y, s\n    if s @ y", "s and y are exchanged"),
        ("    if s @ y <= 0:\n        return H.copy()\n", "", "H is updated although s.y <= 0"),
        ("return left @",
         "return H + np.outer(y, y) * rho - np.outer(H @ s, H @ s) / (s @ H @ s)  #",
         "it is the update of B"),
        ("return left @", "return 0.5 * left @", "no known slip"),
        ("left @ H @ left.T", "H", "H+ y must be s")],
    "damped_pair": [
        ("if s @ y < mu2 * (s @ s)", "if False", "only the first damping is done"),
        ("if s @ y < mu1 * (y @ Hy)", "if False", "only the second damping is done"),
        ("np.sqrt(lam)", "lam", "is lam, not sqrt(lam)"),
        ("0.2, np.sqrt(lam)", "0.2, 0.2", "mu of the second damping is 0.2"),
        ("0.2, np.sqrt(lam)", "np.sqrt(lam), np.sqrt(lam)", "mu of the first damping is sqrt(lam)"),
        ("H @ y, 0.2", "y, 0.2", "as if H were I"),
        ("H @ y, 0.2", "H @ s, 0.2", "H s for H y"),
        ("if s @ y < mu1 * (y @ Hy)", "if True", "although there is curvature enough"),
        ("    if s @ y < mu2 * (s @ s):", "    mu2 /= 2\n    if s @ y < mu2 * (s @ s):",
         "no known"),
        ("return s, y", "return s, -y", "The sign is reversed"),
        ("if s @ y < mu1 * (y @ Hy):", "if s @ y < 0:", "s.y > 0, but below 0.2 y.Hy s:"),
        ("return s, y", "return y, s", "no known slip|is right")],
    "cg": [
        ("p = new + (new @ new) / (r @ r) * p", "p = new", "it is steepest descent"),
        ("range(steps)", "range(steps - 1)", "it takes one step too few"),
        ("range(steps)", "range(steps + 1)", "it takes one step too many"),
        ("p @ Ap <= 0", "p @ Ap == 0", "it goes on where p.Ap <= 0"),
        ("p @ Ap <= 0", "p @ Ap < 0", "x[0] is NaN"),
        ("return x", "return np.linalg.solve(A, b)", "it is the exact solution"),
        ("return x", "return b", "it is b"),
        ("return x", "return r", "it is the residual"),
        ("return x", "return -x", "The sign is reversed"),
        ("(new @ new) / (r @ r)", "(r @ r) / (new @ new)", "no known slip"),
        ("r - t * Ap", "r + t * Ap", "no known slip")],
}
CASES = [(short, *each) for short, listed in PLANTED.items() for each in listed]


@pytest.mark.parametrize("short, before, after, words", CASES)
def test_a_wrong_answer_is_told_with_its_reason(short, before, after, words):
    mark = ref.exercises[short].mark(solved(ref.exercises[short], before, after))
    assert not mark.passed and mark.hint
    assert any(each in flat(mark) for each in words.split("|")), mark


@pytest.mark.parametrize("h", [1e-4, 1e-6])
def test_differences_of_the_gradient_are_told_from_its_derivative(h):
    gradient = solved(ref.exercises.gradient)

    def central(W1, W2, x, y, V1, V2):
        there, back = (gradient(W1 + t * V1, W2 + t * V2, x, y) for t in (h, -h))
        return [(a - b) / (2 * h) for a, b in zip(there, back)]
    text = flat(ref.exercises.hvp.mark(central))
    assert "by central differences" in text or "digits are right: this is an approximation" in text


def test_two_slips_in_two_arrays_are_told_both():
    text = flat(ref.exercises.vjp.mark(lambda W, x, ds: (-ds.T @ x, ds @ W)))
    assert "dW: the bias column is missing, and that times -1" in text
    assert "dx: the constant 1 gets a cotangent" in text


def test_ten_wrong_answers_or_more_are_planted_in_every_exercise():
    assert list(PLANTED) == SHORTS and min(map(len, PLANTED.values())) >= 10
