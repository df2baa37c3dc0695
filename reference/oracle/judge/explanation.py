"""What theirs is, in words: content, arrangement and factors, the worst of their kinds, a cost."""

from dataclasses import dataclass, field

from .hypotheses import CONVENTION, ERROR, NOISE, PRECISION
from .meanings import meaning

STEPS = "step", "trajectory"            # a changed rule that is scaled, too, is no convention


@dataclass(frozen=True)
class Explanation:
    """What theirs is, and how well that fits.

    Attributes
    ----------
    content, arrangement : str
        Names of hypotheses.
    kind : str
        "convention", "error", "precision" or "noise": the worst of what it is made of.
    factors : dict
        Slot or piece -> Factor; {"": Factor} for one of the whole.
    residual : float
        |theirs - factor x arrangement(content)|/|theirs|, of the worst piece.
    cost : float
    text, advice : str
    within : bool
        Whether every entry is within its tolerance too, where that is known.
    """

    content: str
    arrangement: str
    kind: str
    factors: dict
    residual: float
    cost: float
    text: str
    advice: str = field(default="", repr=False)
    within: bool = True

    @property
    def named(self):
        """Whether every factor has a name."""
        return all(factor.named for factor in self.factors.values())

    @property
    def plain(self):
        """Whether it is ours as it is."""
        return (self.content, self.arrangement) == ("ours", "as it is") and all(
            factor.text == "" for factor in self.factors.values())


def explained(case, content, arrangement, factors, left, extra, strict=False):
    """The Explanation in words; with `strict` every factor but 1 is an error."""
    cost = content.cost + arrangement.cost + sum(f.cost for f in unlike(factors)) + extra
    parts = [content.says] if content.name != "ours" else []
    parts += [] if arrangement.name == "as it is" else [arrangement.says]
    scale = [f"{f'{key}: ' if key else ''}ours x {shown(f)}"
             for key, f in factors.items() if f.text != ""]
    if scale and content.name != "ours":
        scale = [each.replace("ours x", "that x") for each in scale]
    strict = strict or content.name != "ours" and case.subject.name in STEPS
    told = [meaning(f, case) for f in factors.values() if f.text != ""]
    kinds = [content.kind, arrangement.kind] + [ERROR if strict else kind for kind, _ in told]
    worst = next((k for k in (ERROR, NOISE, PRECISION) if k in kinds), CONVENTION)
    text = ", and ".join(parts + [", ".join(scale)] * bool(scale)) or "theirs is ours"
    advice = [content.advice, arrangement.advice, *(advice for _, advice in told)]
    return Explanation(content.name, arrangement.name, worst, factors, left, cost, text,
                       " ".join(dict.fromkeys(filter(None, advice))))


def unlike(factors):
    """One of each kind of factor: the same 1/N for every layer is one deviation."""
    return {f.text if f.named else key: f for key, f in factors.items()}.values()


def shown(factor):
    """A factor in words."""
    return factor.text if factor.named else f"{factor.value:.6g} (no known constant)"
