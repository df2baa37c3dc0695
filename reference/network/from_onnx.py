"""A network and theta from an ONNX file: its nodes, one after the other, and branches that add."""

import numpy as np

from .affine import Dense
from .onnx_build import Fork, Step, built, leaves
from .onnx_file import read
from .onnx_layers import HINTS, OPERATORS, Call, dense
from .onnx_recurrent import BLOCKS, recurrent
from .onnx_values import Value, behind, reshaped, settled, squeezed, transposed, unrolled

MORE = ("Add", "Reshape", "Squeeze", "Transpose", *BLOCKS)
ZEROS = {"Expand": 1, "Slice": 1, "ConstantOfShape": 0}   # of these, how many inputs say what is 0


def from_onnx(path, shape=None):
    """(net, theta) of an ONNX file, such that net.forward(theta, x)[-1] is its output.

    Parameters
    ----------
    path : str or Path
        Of a graph of one input, whose first axis is the examples, and one output; of the operators
        in `reference.network.onnx_layers.OPERATORS`, RNN, LSTM, GRU, the Transpose, Squeeze and
        Reshape around these, and Add, of a bias or of branches.  Weights are initializers or
        Constants.  Arrays beside the model are read from its folder and from nowhere else.
    shape : tuple of int, optional
        Of one example, where the file does not say it and a node's meaning depends on it.

    Returns
    -------
    net : Sequential
        Layers are named by their initializers, "0" for "0.weight", or else by their nodes.  An
        initializer that several nodes use whole makes them `Tied`; biases alone stay apart.
    theta : array (P,)
        The initializers, in the widest of their precisions; Gemm's alpha and beta are multiplied
        into them.

    Raises
    ------
    ModuleNotFoundError
        Without the package onnx.
    ValueError, TypeError
        Naming the node and what is not here, or what is wrong with the file.

    Notes
    -----
    ONNX keeps attributes in float32: a slope of 0.01 is 0.009999999776, as the file says.  Selu's
    two constants are SELU's, of which ONNX has the float32 rounding.
    """
    graph = read(path)
    walk = _Walk(graph, shape)
    for node in _needed(graph):
        walk.visit(node)
    net, arrays = built(settled(walk.value(graph.output)).steps)
    if not arrays:
        raise ValueError("the graph has no parameters; from_onnx needs a network.")
    return net, net.from_named(arrays)


def _needed(graph):
    """The nodes that the output depends on, in order."""
    wanted, nodes = {graph.output}, []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            nodes.insert(0, node)
            wanted.update(filter(None, node.inputs[:ZEROS.get(node.op)]))
    return nodes


class _Walk:
    """What is known behind each node: computed values, and arrays with the initializer's name."""

    def __init__(self, graph, shape):
        axes = graph.shape if shape is None else (None, *shape)
        if not axes:
            raise ValueError(f"the file does not say the shape of {graph.input!r}; pass shape=, "
                             "that of one example, as (3, 32, 32).")
        self.examples = graph.shape[0] if graph.shape else None
        self.values = {graph.input: Value((), axes[1:], tuple(range(len(axes))))}
        self.arrays = {name: (array, name) for name, array in graph.constants.items()}
        self.names, self.used = set(), {graph.output}.union(*(n.inputs for n in graph.nodes))

    def value(self, name):
        """What was computed under this name."""
        if name in self.arrays:
            raise ValueError(f"{name!r} is an array where the data should be.")
        if name not in self.values:
            raise ValueError(f"{name!r} is not computed before it is used; nodes come in order, "
                             "without cycles, and start from the data.")
        return self.values[name]

    def visit(self, node):
        """What is behind one more node."""
        if self.zeros(node):
            self.arrays[node.outputs[0]] = np.zeros(1), node.outputs[0]
            return
        if node.op not in OPERATORS and node.op not in MORE:
            raise ValueError(f"{node} has no counterpart; from_onnx knows "
                             f"{', '.join(sorted((*OPERATORS, *MORE)))}.{HINTS.get(node.op, '')}")
        try:
            if any(name in self.values or name in self.arrays for name in node.outputs):
                raise ValueError("its output is made twice; a name is one node's.")
            self.follow(node)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{node}: {error}") from None

    def zeros(self, node):
        """Whether it makes zeros, such as the states that a recurrent layer begins with."""
        array, _ = self.arrays.get("".join(node.inputs[:1]), (None, None))
        if node.op == "ConstantOfShape":
            return not np.any(node.attributes.get("value", 0))
        return node.op in ZEROS and array is not None and not array.any()

    def follow(self, node):
        """The same, unless it is refused."""
        found = [self.arrays.get(name, (None, name)) for name in node.inputs]
        call = Call(node, tuple(array for array, _ in found))
        if node.op in ("Identity", "Transpose") and found[0][0] is not None:
            array = found[0][0]
            moved = array if node.op == "Identity" else array.transpose(call["perm"])
            self.arrays[node.outputs[0]] = moved, found[0][1]
        elif node.op == "Add":
            self.values[node.outputs[0]] = self.add(node, found)
        else:
            data = 1 if node.op == "Gather" and found[0][0] is not None else 0
            sources = tuple(name for array, name in found if array is not None)
            self.layers(node, call, self.value(node.inputs[data]), sources)

    def layers(self, node, call, value, sources):
        """One operator on one value."""
        if node.op == "Transpose":
            after = transposed(value, call["perm"])
        elif node.op == "Squeeze":
            after = squeezed(value, call["axes"] if call.array(1) is None else call.array(1))
        elif node.op == "Gather" and call.arrays[0] is None and call.arrays[1] is not None \
                and call.arrays[1].shape == ():
            after = squeezed(value, [call["axis"]])                # the one direction, or refused
        elif node.op == "Flatten" and value.split and call["axis"] == 1:
            after = reshaped(value, np.array([0, -1]), self.examples)
        elif node.op == "Reshape":
            if call["allowzero"] and not np.all(call.array(1)):
                raise ValueError("allowzero=1 with a 0 is not here; allowzero=0 is.")
            after = reshaped(value, call.array(1), self.examples)
        elif node.op in BLOCKS:
            for last, name in enumerate(node.outputs[:2]):
                if name in self.used - {""}:
                    step = self.step(*recurrent(call, bool(last)), node, sources)
                    self.values[name] = unrolled(value, step, call["layout"])
            return
        else:
            after = settled(value)
            for layer, arrays in OPERATORS[node.op](Call(node, call.arrays, after.shape)):
                step = self.step(layer, arrays, node, sources)
                after = Value.plain(after.steps + (step,), behind(layer, after.shape))
        self.values[node.outputs[0]] = after

    def step(self, layer, arrays, node, sources):
        """A layer with a name of its own."""
        own = sources[0].rpartition(".")[0] if sources and arrays else ""
        name = base = next(filter(None, (own, node.name, *node.outputs)), node.op)
        while name in self.names:
            name = f"{base}_{len(self.names)}"
        self.names.add(name)
        return Step(layer, name, arrays, sources if arrays else ())

    # ---- sums ----

    def add(self, node, found):
        """A bias, or the sum of two branches that part somewhere."""
        given = [pair for pair in found if pair[0] is not None]
        if len(given) > 1:
            raise ValueError("two arrays are added; write their sum.")
        values = [settled(self.value(name)) for array, name in found if array is None]
        return self.biased(*values, *given[0]) if given else self.sum(*values)

    @staticmethod
    def biased(value, array, name):
        """The Dense layer before, with a bias."""
        last = value.steps[-1] if value.steps else None
        if not (isinstance(last, Step) and isinstance(last.layer, Dense)) or last.layer.bias:
            raise ValueError("a constant is added to what is no product with a matrix; as a bias "
                             "behind MatMul it is here.")
        (layer, arrays), = dense(last.arrays["weight"], array)
        step = Step(layer, last.name, arrays, last.sources + (name,))
        return Value.plain(value.steps[:-1] + (step,), value.shape)

    @staticmethod
    def sum(a, b):
        """Branches, from where they part."""
        if len(a.shape) != len(b.shape) or any(
                None not in pair and len(set(pair)) > 1 for pair in zip(a.shape, b.shape)):
            raise ValueError(f"examples of shapes {a.shape} and {b.shape} are not added here; "
                             "those of one shape are.")
        common = next((i for i, (one, two) in enumerate(zip(a.steps, b.steps)) if one is not two),
                      min(len(a.steps), len(b.steps)))
        one, two = a.steps[common:], b.steps[common:]
        if leaves(one) & leaves(two):
            raise ValueError("its branches share a layer and yet part before it; branches that "
                             "part once and meet once are here.")
        return Value.plain(a.steps[:common] + (Fork((one, two)),), a.shape)
