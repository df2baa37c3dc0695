"""A network and theta from a PyTorch module; PyTorch is not imported: modules are told by name."""

import numpy as np

from .branches import Tied
from .compose import Sequential
from .embedding import Unembedding
from .torch_layers import LAYERS, RANKS


def from_torch(module, shape=None):
    """(net, theta) of a torch.nn module, such that net.forward(theta, x)[-1] = module(x).

    Parameters
    ----------
    module : torch.nn.Module
        Of a kind in `reference.network.torch_layers.LAYERS`, or a Sequential of these, nested at
        will, in the mode (train or eval) in which it is to be differentiated.  A recurrent layer's
        output is the first of PyTorch's pair, so it stands last; MultiheadAttention is of x with
        itself.  Parameters that modules share become `Tied`.
    shape : tuple of int, optional
        Of one example, where the modules before Flatten, GroupNorm or BatchNorm1d leave its number
        of axes open.

    Returns
    -------
    net : Sequential
        Its `named` arrays have the module's own names.
    theta : array (P,)
        The parameters, in the widest of their precisions.

    Raises
    ------
    ValueError
        Naming a module or an option that this package has not, or a parameter without numbers.
    """
    if isinstance(module, type) or not hasattr(module, "named_modules"):
        told = f"the class {module.__name__}" if isinstance(module, type) else f"{module!r}"
        raise TypeError(f"{told} is no torch.nn module; pass one, as torch.nn.Linear(3, 2).")
    meta = [name for name, p in module.named_parameters() if getattr(p, "is_meta", False)]
    if meta:
        raise ValueError(f"{meta[0]} is on the device meta, without numbers; load or initialise "
                         "the module on a real device first.")
    walk = _Walk(module, None if shape is None else len(shape))
    if walk.kind(module) == "Sequential":
        net, arrays = walk.sequential(module), module.named_parameters(remove_duplicate=False)
    else:
        net, arrays = Sequential(walk.layer(module), names=("",)), module.named_parameters()
    arrays = {name: np.array(a.detach().cpu().numpy()) for name, a in arrays}
    if not arrays:
        raise ValueError(f"the {walk.kind(module)} has no parameters; from_torch needs a network.")
    return net, net.from_named(arrays)


class _Walk:
    """The modules in their order, and how many axes an example has on the way (None: unknown)."""

    def __init__(self, module, rank):
        self.rank, self.owners = rank, {}
        for path, each in module.named_modules(remove_duplicate=False):
            for name, p in each.named_parameters(recurse=False):
                self.owners.setdefault(id(p), []).append((f"{path}.{name}", self.kind(each)))
        self.owners = {key: found for key, found in self.owners.items() if len(found) > 1}

    @staticmethod
    def kind(module):
        """The name of its class."""
        return type(module).__name__

    def sequential(self, module, path=""):
        """A Sequential of ours, with the module's names."""
        names, layers = list(module._modules), []
        for name, child in module._modules.items():
            inner = self.kind(child) == "Sequential"
            make = self.sequential if inner else self.layer
            layers.append(make(child, f"{path}{name}" + "." * inner))
        return Sequential(*layers, names=names)

    def layer(self, module, where="the module"):
        """One layer, Tied if other modules have its parameters, too."""
        kind = self.kind(module)
        if kind not in LAYERS:
            raise ValueError(f"{where}: {kind} has no counterpart; from_torch knows Sequential, "
                             f"{', '.join(LAYERS)}.")
        rank = RANKS.get(kind, self.rank)
        try:
            layer, self.rank = LAYERS[kind](module, rank)
        except ValueError as error:
            raise ValueError(f"{where}, {kind}: {error}") from None
        return self.tied(module, layer, where)

    def tied(self, module, layer, where):
        """The layer under the name of what it shares."""
        own = [id(p) for p in module.parameters()]
        shared = [key for key in own if key in self.owners]
        if not shared:
            return layer
        if len(shared) < len(own):
            raise ValueError(f"{where}: {self.kind(module)} shares its weight without its bias; "
                             "here a bias is a column of the weight: share both, or have none.")
        names, kinds = zip(*self.owners[shared[0]])
        if self.kind(module) == "Linear" and "Embedding" in kinds:
            layer = Unembedding(module.in_features, module.out_features)
        return Tied(names[0], layer)
