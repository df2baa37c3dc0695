"""What an optimiser trains on: an objective, its test set, a batch size and a start."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..arrays.checks import require_generator
from ..arrays.transfer import cast
from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.dropout import Dropout, dropout
from ..network.initial import pytorch
from ..network.objective import Objective

SIZES = ("tiny", "small", "paper")


@dataclass(frozen=True, eq=False)
class Task:
    """A problem as a paper states it.

    Parameters
    ----------
    name, size : str
    train, test : Objective
        Of one network; L(theta) on the test set is that of its own examples.
    batch : int
        Examples of a mini-batch.
    note : str
        What it is, from which paper, and what differs.
    scheme : callable
        (rng, layer) -> W0 with its bias, of reference/network/initial.py.
    dtype : "float32" or "float64"
        Of the data, and of what `initial` gives.
    drops : tuple of float
        Per dense layer, the probability of dropping each of its inputs; () for none.
    """

    name: str
    size: str
    train: Objective
    test: Objective
    batch: int
    note: str
    scheme: Callable = pytorch
    dtype: str = "float64"
    drops: tuple = ()

    def initial(self, rng):
        """theta (P,) to begin with, by the task's scheme and in its precision."""
        return self.train.net.initial(rng, self.scheme).astype(self.dtype)

    def to(self, home):
        """This task with its data on "numpy" or "cupy"; theta follows."""
        return replace(self, train=self.train.to(home), test=self.test.to(home))

    def redraw(self, objective, rng):
        """The objective with dropout masks drawn for each of its examples; itself if `drops` is ().

        A mask is data of a batch: draw one per step and every evaluation of the step shares it
        [Kir13].  `train` and `test` themselves have none.

        Parameters
        ----------
        objective : Objective
            A batch of `train`; masks that it has are replaced.
        rng : numpy.random.Generator

        Examples
        --------
        >>> import numpy as np, reference as ref
        >>> task, rng = ref.problems.task("mnist-dropout", "tiny"), np.random.default_rng(0)
        >>> masked = (task.redraw(batch, rng)
        ...           for batch in ref.problems.batches(task.train, task.batch, rng))
        >>> next(masked).net.layers[0].mask.shape
        (50, 64)
        """
        require_generator(rng)
        if not self.drops:
            return objective
        return replace(objective, net=Sequential(*_masked(objective, self.drops, rng)))


def _masked(objective, drops, rng):
    """The layers, a Dropout before each dense one."""
    shape, rest = objective.x.shape[1:], iter(drops)
    for layer in objective.net.layers:
        if isinstance(layer, Dropout):
            continue
        if isinstance(layer, Dense):
            yield dropout(rng, (objective.N, *shape), next(rest))
        yield layer
        shape = layer.output_shape(shape)


def pose(name, size, dtype, net, loss, train, test, batch, note, *, scheme=pytorch, drops=(),
         reduction="mean"):
    """The Task of (x, y) to train on and (x, y) to test on, in the precision dtype."""
    def objective(x, y):
        same, x = y is x, cast(x, dtype)
        return Objective(net, loss, x, x if same else cast(y, dtype), reduction=reduction)
    train, test = objective(*train), objective(*test)
    return Task(name, size, train, test, min(batch, train.N), note, scheme, dtype, drops)
