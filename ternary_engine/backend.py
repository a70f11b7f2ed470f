"""ONNX's backend interface over `convert` and `Network.run`.

For tools that take any ``onnx.backend.base.Backend``, ONNX's own conformance suite among them.

Examples:
    >>> import onnx, ternary_engine as te
    >>> model = onnx.load(te.zoo.path("mlp_ternary"))
    >>> x, labels = te.zoo.data("mlp_ternary")
    >>> (scores,) = te.backend.prepare(model).run([x])
    >>> scores.shape
    (450, 10)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from onnx.backend import base

from ternary_engine.converters import convert
from ternary_engine.converters.conversion import is_importable
from ternary_engine.converters.exchange import BFLOAT16, CARRIERS
from ternary_engine.network import Network

Array = npt.NDArray[Any]

__all__ = ["Backend", "Prepared", "is_compatible", "prepare", "run_model", "run_node",
           "supports_device"]  # fmt: skip


class Prepared(base.BackendRep):
    """A converted model.

    Attributes:
        network: what it was converted to.
        dtypes: of the model's outputs, by name, where the network's arrays have wider ones
            (bfloat16, float8, integers of 2 and 4 bits).
    """

    def __init__(self, network: Network, model: onnx.ModelProto) -> None:
        self.network = network
        kinds = {o.name: o.type.tensor_type.elem_type for o in model.graph.output}
        narrow = {BFLOAT16, *CARRIERS}
        self.dtypes = {
            name: helper.tensor_dtype_to_np_dtype(kind)
            for name, kind in kinds.items()
            if kind in narrow
        }

    def run(
        self, inputs: Array | Sequence[Any] | Mapping[str, Any], **options: Any
    ) -> tuple[Array, ...]:
        """Run a batch.

        Args:
            inputs: arrays in the order of the graph's inputs, by name, or one alone.
            **options: as for `Network.run`: ``errors``, ``seed``, ``threads``, ``batch_size``.

        Returns:
            The outputs, in the order of the graph's outputs.

        Raises:
            TypeError, ValueError: as for `Network.run`.
        """
        names = [port.name for port in self.network.inputs]
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        if not isinstance(inputs, Mapping):
            if len(inputs) != len(names):
                raise ValueError(f"inputs: got {len(inputs)}; the model has {len(names)}: {names}")
            inputs = dict(zip(names, inputs, strict=True))
        results = self.network.run(inputs, **options)
        return tuple(self._narrow(port.name, results[port.name]) for port in self.network.outputs)

    def _narrow(self, name: str, value: Array) -> Array:
        return value.astype(self.dtypes[name]) if name in self.dtypes else value


class Backend(base.Backend):
    """Runs ONNX models as ternary-engine does: few-bit layers on bit kernels."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether a model can be imported, as far as its operators and types tell."""
        return cls.supports_device(device) and is_importable(model)

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> Prepared:
        """Convert a model.

        Args:
            model: the model, left unchanged.
            device: "CPU".
            **kwargs: as for `convert`: ``input_bits``, ``calibration``.

        Raises:
            ConversionError: it cannot be imported.
            ValueError: another device.
        """
        if not cls.supports_device(device):
            raise ValueError(f"device: got {device!r}; it runs on 'CPU' only")
        return Prepared(convert(model, **kwargs), model)

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any
    ) -> tuple[Array, ...]:
        """Convert a model and run it once; the options are those of `convert`."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Array, ...]:
        """Run one node on arrays.

        Args:
            node: the node.
            inputs: an array for each of its inputs (none for those left out), or by name.
            device: "CPU".
            outputs_info: taken for the interface's sake; types and shapes are found by running.
            **kwargs: ``opset_version`` of the node; the newest by default.
        """
        names = list(filter(None, node.input))
        given = dict(inputs if isinstance(inputs, Mapping) else zip(names, inputs, strict=True))
        arrays = {name: np.asarray(array) for name, array in given.items()}
        version = int(kwargs.pop("opset_version", onnx.defs.onnx_opset_version()))
        opsets = [helper.make_opsetid("", version)]
        if node.domain not in ("", "ai.onnx"):
            opsets.append(helper.make_opsetid(node.domain, 1))
        ports = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for name, a in arrays.items()
        ]
        results = [helper.make_empty_tensor_value_info(name) for name in filter(None, node.output)]
        graph = helper.make_graph([node], "node", ports, results)
        model = helper.make_model(graph, opset_imports=opsets)
        return cls.prepare(model, device, **kwargs).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether a device is there: "CPU" alone."""
        return device.partition(":")[0] == "CPU"


is_compatible = Backend.is_compatible
prepare = Backend.prepare
run_model = Backend.run_model
run_node = Backend.run_node
supports_device = Backend.supports_device
