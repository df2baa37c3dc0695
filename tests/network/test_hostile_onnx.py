"""Files that lie: damaged, without end, or with arrays said to be elsewhere, are refused."""

import numpy as np
import pytest

import reference as ref

pytest.importorskip("onnx")

from tests.network.onnx_models import (TensorProto, chain, gemm, helper, model,          # noqa: E402
                                       refused)


def spoiled(change):
    """Bytes of a good model, changed."""
    made = model(*chain(gemm(np.random.default_rng(0), 5, 4), ("Tanh", {}, {})), (4,))
    change(made.graph)
    return made


def outside(graph, **entries):
    """The weight is said to be in another file."""
    weight = graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        weight.external_data.add(key=key, value=str(value))


REFUSED = {
    "operator": (lambda g: setattr(g.node[1], "op_type", "Softmax"), "node 'n1', Softmax has no"),
    "unknown operator": (lambda g: setattr(g.node[1], "op_type", "Cube"), "no operator of ONNX 21"),
    "domain": (lambda g: setattr(g.node[1], "domain", "mine"), "operators of 'mine'"),
    "transA": (lambda g: g.node[0].attribute.append(helper.make_attribute("transA", 1)),
               "node 'n0', Gemm: transA=1 is not here"),
    "kind of attribute": (lambda g: g.node[0].attribute.append(
        helper.make_attribute("alpha", "much")), "'alpha' is not what ONNX"),
    "no input": (lambda g: g.node[0].ClearField("input"), "lacks an input"),
    "cycle": (lambda g: g.node[0].input.__setitem__(0, "y"), "without cycles"),
    "twice": (lambda g: g.node[1].output.__setitem__(0, "x"), "not computed before"),
    "made twice": (lambda g: g.node.append(helper.make_node("Relu", ["x"], ["y"])), "made twice"),
    "huge": (lambda g: g.initializer[0].dims.__setitem__(0, 2 ** 50), "is damaged"),
    "negative": (lambda g: g.initializer[0].dims.__setitem__(0, -5), "has shape (-5, 4)"),
    "text": (lambda g: setattr(g.initializer[0], "data_type", TensorProto.STRING), "type 8"),
    "above": (lambda g: outside(g, location="../secret"), "no file in the folder"),
    "absolute": (lambda g: outside(g, location="/etc/passwd"), "no file in the folder"),
    "link": (lambda g: outside(g, location="link"), "no file in the folder"),
    "folder": (lambda g: outside(g, location="."), "no file in the folder"),
    "no name": (lambda g: outside(g, location="a\0b"), "no file in the folder"),
    "too short": (lambda g: outside(g, location="short"), "has not so many"),
    "before it": (lambda g: outside(g, location="beside", offset=-8), "has not so many"),
    "another length": (lambda g: outside(g, location="beside", length=8), "has not so many"),
    "two inputs": (lambda g: g.input.append(helper.make_tensor_value_info(
        "z", TensorProto.DOUBLE, [3])), "one of each"),
    "empty": (lambda g: g.Clear(), "one of each"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_files_are_refused_and_nothing_outside_is_read(tmp_path, name):
    change, words = REFUSED[name]
    folder = tmp_path / "folder"
    folder.mkdir()
    for path, size in (("secret", 160), ("folder/beside", 160), ("folder/short", 9)):
        (tmp_path / path).write_bytes(bytes(size))
    (folder / "link").symlink_to(tmp_path / "secret")
    refused(folder, spoiled(change), words)


def test_arrays_beside_the_model_are_read(tmp_path):
    made = spoiled(lambda g: outside(g, location="beside", offset=8, length=160))
    (tmp_path / "beside").write_bytes(np.arange(21.0).tobytes())
    onnx_path = tmp_path / "net.onnx"
    onnx_path.write_bytes(made.SerializeToString())
    net, theta = ref.from_onnx(onnx_path)
    assert np.array_equal(net.named(theta)["0.weight"], np.arange(1.0, 21).reshape(5, 4))


def test_a_file_cut_short_anywhere_is_refused_or_is_no_network(tmp_path):
    whole = spoiled(lambda graph: None).SerializeToString()
    for end in range(0, len(whole), 7):
        refused(tmp_path, whole[:end], "")
    refused(tmp_path / ".", b"nonsense", "no ONNX file")
    with pytest.raises(ValueError, match="is no file"):
        ref.from_onnx(tmp_path / "absent.onnx")
