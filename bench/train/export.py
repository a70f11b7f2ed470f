"""Export through PyTorch's own ONNX exporter, checked against ONNX Runtime."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from bench.train.checkpoint import replace
from bench.train.datasets import Samples
from bench.train.layers import freeze, layer_names, set_error_rate


def export(
    model: nn.Module, example: Tensor, path: Path, *, stored: bool = True, dynamo: bool = True
) -> None:
    """Write one ONNX file with a free batch size; input ``x``, output ``scores``.

    ``stored=True`` writes the quantised weights as plain floats and every layer as it is.
    ``stored=False`` is the exporter's default on the model as trained: latent weights with the
    quantiser in the graph where they are large, folded where small, and batch norm multiplied
    into folded weights that it follows directly.
    """
    model = copy.deepcopy(model).cpu().eval()
    set_error_rate(model, 0.0)
    if stored:
        freeze(model)
    replace(path, lambda beside: _export(model, example.cpu(), beside, dynamo, not stored))


def _export(model: nn.Module, example: Tensor, path: Path, dynamo: bool, optimise: bool) -> None:
    axes = (
        {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "optimize": optimise}
        if dynamo
        else {"dynamic_axes": {"x": {0: "batch"}, "scores": {0: "batch"}}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            str(path),
            input_names=["x"],
            output_names=["scores"],
            dynamo=dynamo,
            external_data=False,
            verbose=False,
            **axes,
        )
    written = onnx.load(path)
    _name_layers(written.graph, layer_names(model))
    _strip(written)
    onnx.checker.check_model(written, full_check=True)
    onnx.save(written, path)


def _name_layers(graph: onnx.GraphProto, names: list[str]) -> None:
    """Call each layer's node what its module is called: conv1 rather than node_conv2d."""
    layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    for node, name in zip(layers, names, strict=True):
        node.name = name


def _strip(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: stack traces with the paths of the machine that trained."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        noted.ClearField("metadata_props")
    for node in graph.node:
        node.ClearField("doc_string")
    for tensor in graph.initializer:
        tensor.ClearField("metadata_props")


def compact(path: Path) -> None:
    """Store weights of -1, 0 and +1 as int8 with DequantizeLinear: a quarter of the file."""
    model = onnx.load(path)
    graph = model.graph
    scale = numpy_helper.from_array(np.float32(1.0).reshape(()), "weight_scale")
    nodes = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim < 2 or not np.isin(values, (-1, 0, 1)).all():
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.int8), f"{name}_codes"))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_codes", scale.name], [name]))
    graph.initializer.append(scale)
    nodes.extend(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    replace(path, lambda beside: onnx.save(model, beside))


def run_onnx(path: Path, x: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Scores of ONNX Runtime with every graph optimisation off."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {session.get_inputs()[0].name: x})
    return scores


@torch.no_grad()
def verify(
    model: nn.Module, samples: Samples, path: Path, *, allowed: float = 0.0
) -> dict[str, float]:
    """Compare with PyTorch; raises if more than a share ``allowed`` of the classes differ."""
    samples = samples.to(torch.device("cpu"))
    model = model.cpu().eval()
    parts = samples.x.split(500)
    expected = torch.cat([model(x) for x in parts]).numpy()
    scores = np.concatenate([run_onnx(path, x.numpy()) for x in parts])
    different = int((expected.argmax(1) != scores.argmax(1)).sum())
    if different > allowed * len(samples):
        raise RuntimeError(f"{path}: {different} of {len(samples)} classes differ from PyTorch's")
    return {
        "onnx_accuracy": float((scores.argmax(1) == samples.y.numpy()).mean()),
        "onnx_classes_different": different,
        "onnx_largest_difference": float(np.abs(expected - scores).max()),
    }
