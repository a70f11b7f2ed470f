"""Reads an ONNX model from a path, bytes or ModelProto, and checks what it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import external_data_helper

from ternary_engine.converters import functions, sparse
from ternary_engine.converters.sessions import brief
from ternary_engine.exceptions import ConversionError

Source = str | os.PathLike[str] | bytes | onnx.ModelProto


def load(source: Source) -> tuple[onnx.ModelProto, dict[str, str]]:
    """Read a model with all its data.

    Args:
        source: path of an ONNX file, its bytes, or a model (left unchanged).

    Returns:
        A model of our own without local functions, and its provenance.

    Raises:
        ConversionError: not an ONNX model, or external data missing or outside the folder.
    """
    model, provenance, folder = _read(source)
    if not model.HasField("graph") or not (model.graph.output or model.graph.node):
        raise ConversionError(f"{provenance['file']}: not an ONNX model: it has no graph")
    _load_external_data(model, folder, provenance["file"])
    try:
        sparse.densify(model)
        model = functions.inline(model)
    except ConversionError as error:
        raise ConversionError(f"{provenance['file']}: {error}") from error
    provenance["producer"] = f"{model.producer_name} {model.producer_version}".strip() or "unknown"
    opsets = sorted((o.domain or "ai.onnx", o.version) for o in model.opset_import)
    provenance["opset"] = ", ".join(f"{domain} {version}" for domain, version in opsets)
    return model, provenance


def _read(source: Source) -> tuple[onnx.ModelProto, dict[str, str], Path | None]:
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
        digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
        return model, {"file": "ModelProto", "sha256": digest}, None
    if isinstance(source, bytes | bytearray | memoryview):
        data, name, folder = bytes(source), "bytes", None
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConversionError(f"{path}: cannot be read: {error.strerror or error}") from error
        name, folder = path.name, path.parent
    else:
        raise TypeError(f"model is a path, bytes or onnx.ModelProto; got {type(source).__name__}")
    return _parse(data, name), {"file": name, "sha256": hashlib.sha256(data).hexdigest()}, folder


def _parse(data: bytes, name: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    if not data:
        raise ConversionError(f"{name}: not an ONNX model: it is empty (0 bytes)")
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's own types come without stubs
        start = " ".join(f"{byte:02x}" for byte in data[:8])
        raise ConversionError(
            f"{name}: not an ONNX model, or cut short: {len(data):,} bytes starting {start} "
            "do not parse as an ONNX ModelProto"
        ) from error
    _check_text(model, name)
    return model


def _check_text(message: Any, name: str) -> None:
    """Refuse text that is none: the parser hands it on as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            texts = value if field.is_repeated else [value]
            if any(isinstance(text, bytes) for text in texts):
                raise ConversionError(
                    f"{name}: not an ONNX model: its {field.full_name} is no text"
                )
        elif field.type == field.TYPE_MESSAGE:
            for item in value if field.is_repeated else [value]:
                _check_text(item, name)


def _all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _tensors(model.graph)
    for function in model.functions:
        yield from _tensors_of_nodes(function.node)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for item in graph.sparse_initializer:
        yield from (item.values, item.indices)
    yield from _tensors_of_nodes(graph.node)


def _tensors_of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for sub in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from _tensors(sub)


def _load_external_data(model: onnx.ModelProto, folder: Path | None, name: str) -> None:
    for tensor in _all_tensors(model):
        if not external_data_helper.uses_external_data(tensor):
            continue
        location = next((e.value for e in tensor.external_data if e.key == "location"), "")
        subject = f"{name}: external data of tensor {tensor.name!r}"
        if folder is None:
            raise ConversionError(
                f"{subject} lies in {location!r}, but the model was given as {name}: "
                "give the path of the file instead"
            )
        root = folder.resolve()
        try:
            path = (root / location).resolve()
            path.stat()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:  # too long, a NUL, a loop of links
            raise ConversionError(
                f"{subject} lies in {location[:100]!r}: {error.args[-1]}"
            ) from error
        if not location or not path.is_relative_to(root):
            raise ConversionError(f"{subject} lies in {location!r}, outside the model's folder")
        if not path.is_file():
            raise ConversionError(f"{subject} lies in {location!r}, which is missing")
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(root))
        except Exception as error:  # onnx raises ValueError, checker errors and OSError alike
            raise ConversionError(f"{subject} cannot be read: {brief(error)}") from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
