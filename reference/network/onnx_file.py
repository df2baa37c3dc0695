"""An ONNX file as nodes and arrays; a file may be a stranger's, and nothing beside it is read.

ONNX itself is imported only here, by the function that reads.
"""

from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np

NODES = 10_000                          # as many are read; paths through them are kept as tuples


@dataclass(frozen=True)
class Node:
    """One operator: its attributes (ONNX's defaults filled in), and names in and out ("": none)."""

    op: str
    name: str
    version: int
    attributes: dict
    inputs: tuple
    outputs: tuple

    def __str__(self):
        return f"node {self.name!r}, {self.op}" if self.name else self.op


@dataclass(frozen=True)
class Graph:
    """Nodes in order from `input`, whose axes are `shape` (None: unknown), to `output`."""

    input: str
    shape: tuple
    output: str
    nodes: tuple
    constants: dict = field(repr=False)          # {name: array}


def read(path):
    """The Graph of a file; ValueError if it is damaged or not one network of one input."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise ModuleNotFoundError('from_onnx needs onnx, which is not installed; pip install '
                                  '"curvature-reference[onnx]".') from None
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is no file; give the path of an .onnx file.")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:                    # protobuf's own kinds, which change by version
        raise ValueError(f"{path.name} is no ONNX file, or is damaged: {error}.") from None
    return _Reader(onnx, model, path.parent.resolve()).graph()


class _Reader:
    def __init__(self, onnx, model, folder):
        self.onnx, self.model, self.folder = onnx, model, folder
        versions = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
        if len(versions) != 1:
            raise ValueError("the file does not say the version of ONNX's operators, or is damaged;"
                             " write it again.")
        self.version, = versions

    def graph(self):
        """The Graph."""
        graph = self.model.graph
        if len(graph.node) > NODES or graph.sparse_initializer:
            raise ValueError(f"the graph has {len(graph.node)} nodes and "
                             f"{len(graph.sparse_initializer)} sparse initializers; at most "
                             f"{NODES} and none can be read.")
        constants, nodes = {each.name: self.array(each) for each in graph.initializer}, []
        if len(constants) < len(graph.initializer):
            raise ValueError("two initializers have one name; write the file again.")
        for each in graph.node:
            node = self.node(each)
            if node.op == "Constant":
                constants[node.outputs[0]] = self.constant(node)
            else:
                nodes.append(node)
        given = [each for each in graph.input if each.name not in constants]
        if len(given) != 1 or len(graph.output) != 1:
            raise ValueError(f"the graph has the inputs {[each.name for each in given]} and the "
                             f"outputs {[each.name for each in graph.output]}; one of each can be "
                             "read.")
        return Graph(given[0].name, self.axes(given[0]), graph.output[0].name, tuple(nodes),
                     constants)

    @staticmethod
    def axes(value):
        """Sizes of all axes, None where unknown; or None."""
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            return None
        return tuple(each.dim_value if each.dim_value > 0 else None for each in tensor.shape.dim)

    def node(self, proto):
        """A Node, whose attributes are what ONNX says of the operator."""
        where = f"node {proto.name!r}, {proto.op_type}"
        if any(isinstance(name, bytes) for name in (proto.name, *proto.input, *proto.output)):
            raise ValueError(f"{where}: a name is not UTF-8; write the file again.")
        if proto.domain not in ("", "ai.onnx"):
            raise ValueError(f"{where}: operators of {proto.domain!r} are not here, ONNX's are.")
        try:
            schema = self.onnx.defs.get_schema(proto.op_type, self.version, "")
        except Exception:                         # SchemaError, which onnx keeps in a C module
            raise ValueError(f"{where} is no operator of ONNX {self.version}.") from None
        attributes = {name: self.onnx.helper.get_attribute_value(each.default_value)
                      for name, each in schema.attributes.items() if each.default_value.name}
        for each in proto.attribute:
            known = schema.attributes.get(each.name)
            if known is None or int(known.type.value) != each.type or each.ref_attr_name:
                raise ValueError(f"{where}: the attribute {each.name!r} is not what ONNX "
                                 f"{self.version} says of it; write the file again.")
            attributes[each.name] = self.onnx.helper.get_attribute_value(each)
        lacking = [name for name, each in schema.attributes.items()
                   if each.required and name not in attributes]
        if lacking or len(proto.output) < schema.min_output \
                or not all(proto.input[i:i + 1] not in ([], [""]) for i in range(schema.min_input)):
            raise ValueError(f"{where} lacks {lacking or 'an input or output'}; write the file "
                             "again.")
        return Node(proto.op_type, proto.name, schema.since_version,
                    {name: self.plain(value) for name, value in attributes.items()},
                    tuple(proto.input), tuple(proto.output))

    def constant(self, node):
        """The array of a Constant."""
        (name, value), *more = node.attributes.items() or [("nothing", None)]
        if more or name not in ("value", "value_float", "value_floats", "value_int", "value_ints"):
            raise ValueError(f"{node}: a constant by {name} is not here; one of numbers is.")
        return np.array(value)

    def plain(self, value):
        """Text for bytes, arrays for tensors, and tuples for lists."""
        if isinstance(value, self.onnx.TensorProto):
            return self.array(value)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, (int, str)) or not hasattr(value, "__iter__"):
            return value
        return tuple(map(self.plain, value))

    # ---- numbers ----

    def array(self, tensor):
        """Its numbers; ValueError unless they are as many as its shape says."""
        where, shape = f"the array {tensor.name!r}", tuple(tensor.dims)
        try:
            dtype = np.dtype(self.onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
        except (KeyError, TypeError, ValueError):
            dtype = np.dtype(object)
        if dtype.kind not in "fiub" or min(shape, default=0) < 0:
            raise ValueError(f"{where} has shape {shape} and type {tensor.data_type}; floats, "
                             "integers and booleans can be read.")
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL:
            numbers = self.external(where, {each.key: each.value for each in tensor.external_data},
                                    prod(shape) * dtype.itemsize)
            return np.frombuffer(numbers, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        try:
            return np.array(self.onnx.numpy_helper.to_array(tensor))
        except Exception as error:                # ValueError, or TypeError of a part of a tensor
            raise ValueError(f"{where} of shape {shape} is damaged: {error}.") from None

    def external(self, where, entries, size):
        """The `size` bytes of a file beside the model's; ValueError if it is anywhere else."""
        name = entries.get("location", "")
        try:
            path, start = (self.folder / name).resolve(), int(entries.get("offset", "0"))
            inside = path.is_relative_to(self.folder) and path.is_file()
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            raise ValueError(f"{where} is said to be in {name!r}, which is no file in the folder "
                             "of the model; only there is it read.")
        if entries.get("length", str(size)) != str(size) or not (
                0 <= start <= path.stat().st_size - size):
            raise ValueError(f"{where} needs {size} bytes, and {name!r} has not so many there; "
                             "write the files again.")
        with path.open("rb") as stream:
            stream.seek(start)
            return stream.read(size)
