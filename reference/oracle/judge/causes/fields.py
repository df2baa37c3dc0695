"""Steps with another value of one hyper-parameter: the other form of each choice."""

from dataclasses import replace

from ..hypotheses import CONVENTION, ERROR
from ..varied import has, variant


def _field(name, value, kind, says, advice=""):
    @variant(f"{name}={value}", kind, says, advice)
    def other(optimizer):
        if not has(optimizer, name) or getattr(optimizer, name) == value:
            return None
        return replace(optimizer, **{name: value})


_field("form", "average", CONVENTION, "momentum is an average, m <- beta m + (1 - beta) g",
       "Ask for form='average', or multiply the length by 1/(1 - beta).")
_field("form", "heavy ball", CONVENTION, "momentum is a heavy ball, m <- beta m + g",
       "Ask for form='heavy ball', or multiply the length by 1 - beta.")
_field("momentum", 0.0, ERROR, "there is no momentum", "Keep m between steps.")
_field("momentum", False, ERROR, "the last direction takes no part", "Keep it between steps.")
_field("placement", "inside", CONVENTION, "epsilon is under the root", "Say where epsilon is.")
_field("placement", "outside", CONVENTION, "epsilon is beside the root", "Say where epsilon is.")
_field("squared", "momentum", CONVENTION, "v is of m, not of g", "Ask for squared='momentum'.")
_field("squared", "gradient", CONVENTION, "v is of g, not of m", "Ask for squared='gradient'.")
_field("kind", "empirical", ERROR, "G is of the labels of the data", "Draw labels, or average.")
_field("kind", "type-2", CONVENTION, "G is the exact mean over the model's labels",
       "Ask for kind='type-2'.")
_field("setting", "reduce", CONVENTION, "places are reduced", "Ask for setting='reduce'.")
_field("setting", "expand", CONVENTION, "places are expanded", "Ask for setting='expand'.")
_field("statistics_batch", 1, CONVENTION, "the factors are of the whole batch",
       "Ask for statistics_batch=1.")
_field("curvature_batch", 1.0, CONVENTION, "curvature is of the whole batch",
       "Ask for curvature_batch=1.0.")
_field("full_batch", True, CONVENTION, "s and y are not averaged, A from zero",
       "Ask for full_batch=True.")
_field("decay", 0.0, ERROR, "nothing of the past is kept in the averages, or in the warm start",
       "Average over steps.")
_field("exponent", 0.0, ERROR, "conjugate gradients are not preconditioned", "Divide by M.")
_field("structure", "tridiagonal", CONVENTION, "the inverse is block-tridiagonal",
       "Ask for structure='tridiagonal'.")
_field("structure", "diagonal", CONVENTION, "the inverse is block-diagonal",
       "Ask for structure='diagonal'.")
for _name, _values in (("modification", ("absolute", "clip", "shift")),
                       ("schedule", ("synchronous", "asynchronous")),
                       ("joint", ("search", "model")),
                       ("phi", ("abs", "clip", "zero", "identity"))):
    for _value in _values:
        _field(_name, _value, CONVENTION, f"{_name} is '{_value}'", f"Ask for {_name}={_value!r}.")
