"""The exercises: every solution passes, every truth is true, and faults of form are told."""

import re

import numpy as np
import pytest

import reference as ref
from reference.teaching.exercises import Exercise, slips_layer, slips_method

SHORTS = [each.short for each in ref.exercises]


def solved(exercise, before="", after=""):
    """The solution as a function, with one piece of its source exchanged."""
    assert before in exercise.solution, before
    names = {}
    exec(exercise.solution.replace(before, after) if before else exercise.solution, names)
    return names[exercise.short]


def flat(text):
    return " ".join(str(text).split())


# ---- the collection ----

def test_exercises_are_found_by_number_name_and_function():
    exercises = ref.exercises
    assert len(exercises) == len(list(exercises)) == len(set(SHORTS)) == 12
    for number, each in enumerate(exercises, 1):
        assert exercises[number] is exercises[each.name] is exercises[each.short]
        assert getattr(exercises, each.short) is each and each.short in dir(exercises)
        assert isinstance(each, Exercise) and each.short in repr(exercises)
    lessons = [each.lesson for each in exercises]
    assert lessons == sorted(lessons)


@pytest.mark.parametrize("key", [0, 13, "hessian", True, None])
def test_an_exercise_that_is_none_is_refused_with_a_list(key):
    with pytest.raises(KeyError, match="forward, complex_step, jvp, vjp"):
        ref.exercises[key]


def test_an_attribute_that_is_none_is_refused_with_a_list():
    with pytest.raises(AttributeError, match="forward, complex_step, jvp, vjp"):
        ref.exercises.hessian


@pytest.mark.parametrize("short", SHORTS)
def test_a_task_names_the_function_and_a_worked_example(short):
    each = ref.exercises[short]
    assert f"    {short}(" in each.task and "One worked example" in each.task
    assert len(each.hints) == 4 and max(stage.hint for stage in each.stages) == 3
    assert max(map(len, each.task.splitlines())) <= 100


# ---- solutions and truths ----

@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("short", SHORTS)
def test_every_solution_passes_at_random_points(short, seed):
    mark = ref.exercises[short].mark(solved(ref.exercises[short]), seed)
    assert mark.passed, mark
    assert "passed" in mark.text and not mark.hint


def test_the_truth_of_the_vjp_is_the_adjoint_by_complex_steps():
    rng = np.random.default_rng(0)
    W, x, ds = (rng.standard_normal(shape) for shape in ((3, 5), (7, 4), (7, 3)))
    dW, dx = slips_layer.vjp(W, x, ds)
    for like, answer, moved in ((W, dW, lambda e: (W + e, x)), (x, dx, lambda e: (W, x + e))):
        steps = 1e-20j * np.eye(like.size).reshape(-1, *like.shape)
        found = [(ds * slips_layer.forward(*moved(e))).sum().imag / 1e-20 for e in steps]
        assert np.allclose(np.reshape(found, like.shape), answer, rtol=1e-13)


def test_the_truth_of_the_softmax_is_a_derivative_by_complex_steps():
    z, y = np.random.default_rng(0).standard_normal((5, 3)), np.array([0, 1, 2, 2, 0])
    g, H = slips_layer.softmax(z, y)
    for c in range(3):
        moved = z + 1e-20j * np.eye(3)[c]
        loss = np.log(np.exp(moved).sum(1)) - moved[np.arange(5), y]
        assert np.allclose(loss.imag / 1e-20, g[:, c], rtol=1e-13, atol=1e-15)
        assert np.allclose(slips_layer.softmax(moved, y)[0].imag / 1e-20, H[:, c], rtol=1e-13)


def test_the_truths_of_the_methods_have_their_certificates():
    rng = np.random.default_rng(0)
    H, s, y = np.diag([1.0, 2.0, 3.0]), *rng.standard_normal((2, 3))
    s = s if s @ y > 0 else -s
    assert np.allclose(slips_method.bfgs(H, s, y) @ y, s, rtol=1e-12)
    s2, y2 = slips_method.damped_pair(H, -s, y, 0.5)
    assert s2 @ y2 >= np.sqrt(0.5) * s2 @ s2 * (1 - 1e-12)
    assert np.allclose(slips_method.cg(H, y, 3), y / [1, 2, 3], rtol=1e-12)
    r = y - H @ slips_method.cg(H, y, 2)                # orthogonal to the space searched
    assert np.abs(r @ np.column_stack([y, H @ y])).max() < 1e-13


# ---- faults of form ----

VJP = ref.exercises.vjp


def boundless(W, x, ds):
    missing = x @ ds
    return missing


def stateful(W, x, ds, calls=[]):
    calls.append(0)
    return len(calls) * (ds.T @ x), ds @ W


def overwriting(W, x, ds):
    x *= 2
    return ds.T @ x, ds @ W


class Uncomparable:
    """No number, and == of two raises."""

    def __eq__(self, other):
        raise RuntimeError("no")


FORMS = [
    (boundless,
     r"raises ValueError.*in line \d+, in boundless: missing = x @ ds.*given W \(2, 3\)"),
    (lambda W, x, ds: None, "returns None: is `return dW, dx` missing"),
    (lambda W, x, ds: ds @ W, "returns 1 array; expected 2: dW, dx"),
    (lambda W, x, ds: (W, x, ds), "returns 3 arrays; expected 2"),
    (lambda W, x, ds: ("dW", x), "dW is a str, not an array of numbers: expected shape (2, 3)"),
    (lambda W, x, ds: (W, [[1.0], [1.0, 2.0]]), "returns 3 arrays|rows have different lengths"),
    (lambda W, x, ds: (W / 0, x), "dW[0, 0] is infinite"),
    (lambda W, x, ds: (np.nan * W, x), "dW[0, 0] is NaN (6 of 6"),
    (lambda W, x, ds: (np.ma.masked_less(W, 1), x), "dW is a masked array"),
    (lambda W, x, ds: (W > 0, x), "not an array of numbers"),
    (lambda W, x, ds: (W + 0j, x), "dW is complex128, expected float64"),
    (lambda W, x, ds: (x, W), "in another order: expected dW (2, 3), dx (1, 2)"),
    (lambda W, x: (W, x), "raises TypeError"),
    (lambda W, x, ds: (W[0], x), "dW has the wrong shape: expected (2, 3), got (3,)"),
    (lambda W, x, ds: (0 * W, 0 * x), "dW: it is 0 in every entry"),
    (stateful, "a second call with the same numbers gives another answer"),
    (overwriting, "it changes its input x: work on a copy"),
    (lambda W, x, ds: {"dW": W, "dx": x}, "returns a dict; expected 2 arrays: return dW, dx"),
    (lambda W, x, ds: (a for a in (W, x)), "returns a generator; expected 2 arrays"),
    (lambda W, x, ds: [W.tolist(), x.tolist()], "A list of lists counts as one for each row"),
    (lambda W, x, ds: (W.astype(object), x), "dW is an array of object, not an array of numbers"),
    (lambda W, x, ds: (Uncomparable(), x), "dW is a Uncomparable, not an array of numbers"),
    (lambda W, x, ds: (_ for _ in ()).throw(GeneratorExit), "raises GeneratorExit"),
]


@pytest.mark.parametrize("function, words", FORMS, ids=[words[:30] for _, words in FORMS])
def test_a_fault_of_form_is_told_and_nothing_is_raised(function, words):
    mark = VJP.mark(function)
    assert not mark.passed and len(mark.cases) == 1 and mark.hint in VJP.hints
    assert words in flat(mark) or re.search(words, flat(mark))


def test_a_buffer_that_is_used_again_is_no_fault_and_memory_of_the_last_call_is():
    right, buffers = solved(VJP), {}

    def reused(W, x, ds):
        for name, a in zip("Wx", right(W, x, ds)):
            buffers[name, a.shape, a.dtype] = a
        return tuple(buffers[name, b.shape, b.dtype] for name, b in zip("Wx", right(W, x, ds)))
    assert VJP.mark(reused).passed


def test_lists_of_numbers_are_arrays():
    right = solved(ref.exercises.damped_pair)
    assert ref.exercises.damped_pair.mark(lambda *a: tuple(list(b) for b in right(*a))).passed


def test_the_way_out_of_a_loop_without_end_stays_open():
    with pytest.raises(KeyboardInterrupt):
        VJP.mark(lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))


def test_the_function_to_be_differentiated_does_not_tell_its_gradient():
    assert not ref.exercises.complex_step.mark(lambda f, theta: f.gradient(theta)).passed


@pytest.mark.parametrize("short", ["softmax", "gradient", "hvp", "kfac_factors"])
def test_the_largest_of_all_logits_does_not_do_for_each_row(short):
    given = {}
    exec(ref.exercises[short].solution.replace("z.max(axis=1, keepdims=True)", "z.max()"), given)
    assert "NaN" in str(ref.exercises[short].mark(given[short]))


def test_a_small_curvature_is_a_curvature():
    right = solved(ref.exercises.bfgs)
    mark = ref.exercises.bfgs.mark(lambda H, s, y: right(H, s, y) if s @ y > 0.01 else H)
    assert "H is returned as it was. Update it where s.y > 0" in str(mark)


def test_a_hidden_change_of_inputs_is_told_although_the_answer_is_right():
    def hidden(W, x, ds):
        answer = solved(VJP)(W, x, ds)
        W[:] = 0
        return answer
    assert "it changes its input W" in flat(VJP.mark(hidden))


def test_an_answer_in_float32_is_told_where_the_arguments_are_float64():
    def narrow(W, x, ds):
        return tuple(a.astype("f") for a in solved(VJP)(W, x, ds))
    assert "they are stored in float32, so compute in float64" in flat(VJP.mark(narrow))


def test_warnings_are_told_beside_what_is_wrong():
    def cast(f, theta):
        theta = theta.copy()
        theta[0] += 1e-20j
        return theta
    mark = ref.exercises.complex_step.mark(cast)
    assert "a warning came up: Casting complex values" in flat(mark)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"write exercises.vjp.mark\(vjp\), without calling it"):
        VJP.mark(3.0)


@pytest.mark.parametrize("short", SHORTS)
def test_the_worked_example_learnt_by_heart_does_not_pass(short):
    each = ref.exercises[short]
    point = each.stages[0].draw(np.random.default_rng(0))
    known = list(each.problem.expected(point).values())
    mark = each.mark(lambda *_: known if len(known) > 1 else known[0])
    assert [case.passed for case in mark.cases] == [True, False]


@pytest.mark.parametrize("short", SHORTS)
def test_one_entry_off_by_a_billionth_does_not_pass(short):
    """The bounds of float64 are roundings, thousands of times narrower than this."""
    right = solved(ref.exercises[short])

    def off(*arguments):
        answer = right(*arguments)
        first = answer if isinstance(answer, np.ndarray) else answer[0]
        first = first if isinstance(first, np.ndarray) else first[0]
        first.flat[np.argmax(np.abs(first))] *= 1 + 1e-9
        return answer
    mark = ref.exercises[short].mark(off)
    assert not mark.passed and "worst entry" in flat(mark)
