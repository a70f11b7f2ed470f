"""Sparse initialisers as plain ones."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import numpy_helper

from ternary_engine.converters.graph import Array
from ternary_engine.converters.sessions import brief
from ternary_engine.exceptions import ConversionError

LARGEST = 1 << 30  # bytes of a dense tensor


def densify(model: onnx.ModelProto) -> None:
    """Replace sparse initialisers of a graph by plain ones, in place.

    Raises:
        ConversionError: sizes, places and values do not fit together.
    """
    for sparse in model.graph.sparse_initializer:
        name = sparse.values.name
        try:
            dense = _dense(sparse)
        except Exception as error:  # onnx raises ValueError, TypeError, KeyError, AttributeError
            raise ConversionError(
                f"sparse tensor {name!r} cannot be read: {brief(error)}"
            ) from error
        model.graph.initializer.append(numpy_helper.from_array(dense, name))
    del model.graph.sparse_initializer[:]


def _dense(sparse: onnx.SparseTensorProto) -> Array:
    values = numpy_helper.to_array(sparse.values)
    places = numpy_helper.to_array(sparse.indices)
    shape = tuple(sparse.dims)
    if min(shape, default=1) < 0 or math.prod(shape) * values.itemsize > LARGEST:
        raise ValueError(f"it has the sizes {shape}")
    if values.ndim != 1 or places.dtype != np.int64:
        raise ValueError("its values are no list, or its indices no int64")
    if places.shape == (len(values), len(shape)):
        places = np.ravel_multi_index(tuple(places.T), shape)
    elif places.shape != values.shape:
        raise ValueError(f"it has {len(values)} values at places of shape {places.shape}")
    dense = np.zeros(math.prod(shape), values.dtype)
    if places.size and not 0 <= places.min() <= places.max() < dense.size:
        raise ValueError(f"places {places.min()} to {places.max()} of {dense.size}")
    dense[places] = values
    return dense.reshape(shape)
