"""Contents: derivatives with an activation's slope, or its second derivative, wrong."""

from ....network.elementwise import ACTIVATIONS, Elementwise
from .. import mutants
from ..hypotheses import CONVENTION, ERROR, content
from ..mutants import ELEMENTWISE, mutant, mutated, sloped
from ..retold import DERIVATIVES, FIRST, SECOND, retold


mutant("slope at the output", "activations' derivatives are taken at the activated value",
       "Take f'(s) at the pre-activation s, or write it in terms of y = f(s).",
       FIRST, ELEMENTWISE, sloped(mutants.at_the_output))
mutant("no slope", "activations' derivatives are left out",
       "Multiply the cotangent by f'(s).", FIRST, ELEMENTWISE, sloped(mutants.left_out))
mutant("slope reversed", "activations' derivatives have the wrong sign",
       "Check the table of derivatives.", FIRST, ELEMENTWISE, sloped(mutants.negated))
mutant("second derivative lost", "activations' slopes are constants in the second derivative",
       "f'' is missing: let f'(s) depend on theta when the gradient is differentiated.",
       SECOND, ELEMENTWISE, sloped(mutants.frozen), cost=1.25)
mutant("second derivative like the first", "activations' second derivatives equal the first",
       "Differentiate f', not f: f'' of a ReLU is 0.", SECOND, ELEMENTWISE,
       sloped(mutants.like_itself))
mutant("second derivative reversed", "activations' second derivatives have the wrong sign",
       "Check f''.", SECOND, ELEMENTWISE, sloped(mutants.bent_backwards))


def _at_kink(case, value):
    """Only where some pre-activation is at a kink."""
    found = mutated(case.objective, ELEMENTWISE, sloped(mutants.at_kinks(value)))
    return retold(case, found) if found is not None and any(
        (x == kink).any() for x, layer in _elementwise(case)
        for kink in ACTIVATIONS[layer.name].kinks) else None


def _elementwise(case):
    """(input, layer) of the elementwise layers at the top of the network."""
    xs = case.objective.net.forward(case.theta, case.objective.x)
    return [(x, layer) for x, layer in zip(xs, case.objective.net.layers)
            if isinstance(layer, Elementwise)]


@content("kinks from the right", CONVENTION, "slopes at kinks are those of the right side",
         "Both sides are in use; keep test points off the kinks.", FIRST)
def _right(case):
    return _at_kink(case, 1.0)


@content("kinks halved", CONVENTION, "slopes at kinks are the mean of both sides",
         "Several are in use; keep test points off the kinks.", FIRST)
def _half(case):
    return _at_kink(case, 0.5)


# ---- the slope that belongs to another layer, and gradients that stop ----

def _slope_of_another(case, shift):
    """f' at the pre-activations of the elementwise layer before or behind, where shapes agree."""
    inputs = _elementwise(case)
    xs, made = [x for x, _ in inputs], []
    if len(xs) < 2 or len({layer.name for _, layer in inputs}) < 1:
        return None
    taken = xs[shift:] + xs[:shift]
    if not any(a.shape == b.shape for a, b in zip(xs, taken)):
        return None
    pairs = iter(zip(xs, taken))

    def change(layer):
        own, other = next(pairs)
        made.append(layer)
        x = other if other.shape == own.shape else own
        return mutants.altered(layer, slope=lambda _, y: mutants.own_slope(
            layer, x, layer.forward(None, x)))
    return retold(case, mutated(case.objective, ELEMENTWISE, change))


for _shift, _where in ((1, "behind"), (-1, "before")):
    @content(f"slope of the layer {_where}", ERROR,
             f"activations' derivatives are taken at the pre-activations of the layer {_where}",
             "Keep each layer's own input for the way back.", ("gradient", "jacobian", "vjp"))
    def _other(case, shift=_shift):
        return _slope_of_another(case, shift)


# ---- another function ----

OTHERS = [(name, ()) for name in ACTIVATIONS if ACTIVATIONS[name].parameters == ()] + [
    ("LeakyReLU", (slope,)) for slope in (0.01, 0.1, 0.2, 0.3)] + [("ELU", (1.0,))]
ALIKE = {"GELU", "GELUTanh"}


def _another(name, parameters):
    shown = name + (f"({parameters[0]:g})" if parameters else "")

    def arrays(case, wanted):
        here = {layer for _, layer in _elementwise(case)}
        both = {name, *(layer.name for layer in here)} == ALIKE
        other = Elementwise(name, parameters)
        if not here or here == {other} or both != wanted:
            return None
        return retold(case, mutated(case.objective, ELEMENTWISE, lambda layer: other))
    says = f"activations are {shown}"
    if name in ALIKE:
        content(f"the other GELU: {shown}", CONVENTION, f"{says}, the other of two forms of GELU",
                "Say which GELU: exact, or by tanh.", DERIVATIVES)(
                    lambda case: arrays(case, True))
    content(f"activation {shown}", ERROR, says, "Compare the activations.", DERIVATIVES, 1.25)(
        lambda case: arrays(case, False))


for _name, _parameters in OTHERS:
    _another(_name, _parameters)
