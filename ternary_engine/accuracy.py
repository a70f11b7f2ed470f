"""Accuracy of a classifier's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["classes", "correct", "first_output"]

Array = npt.NDArray[Any]


def first_output(outputs: Array | Mapping[str, Array]) -> Array:
    """Take the first of a network's outputs, as ``Network.run`` gives them."""
    return next(iter(outputs.values())) if isinstance(outputs, Mapping) else outputs


def classes(outputs: Array) -> npt.NDArray[np.int64]:
    """Read the predicted class of each sample.

    Args:
        outputs: scores [N, classes, ...], of which the largest along axis 1 wins; or integers [N]
            or [N, 1] (an ArgMax or TopK output), which are the classes themselves.

    Returns:
        int64 [N, ...].

    Raises:
        ValueError: reals without an axis of classes.
    """
    scores = np.asarray(outputs)
    single = scores.ndim == 1 or (scores.ndim == 2 and scores.shape[1] == 1)
    if single and np.issubdtype(scores.dtype, np.integer):
        return scores.reshape(len(scores)).astype(np.int64)
    if single or scores.ndim == 0:
        raise ValueError(
            f"accuracy takes scores [N, classes] or integer classes [N]; "
            f"got {scores.dtype} {list(scores.shape)}"
        )
    best: npt.NDArray[np.int64] = np.argmax(scores, axis=1)
    return best


def correct(outputs: Array, labels: Array) -> int:
    """Count the samples whose predicted class is the label.

    Args:
        outputs: as for `classes`.
        labels: integers, one for each predicted class; [N, 1] counts as [N].

    Returns:
        How many agree.

    Raises:
        ValueError: labels are not integers, or there are more or fewer of them than predictions.
    """
    predicted = classes(outputs)
    wanted = np.asarray(labels)
    if not np.issubdtype(wanted.dtype, np.integer):
        raise ValueError(f"labels are integers; got {wanted.dtype}")
    if wanted.ndim == predicted.ndim + 1 and wanted.shape[-1] == 1:
        wanted = wanted[..., 0]
    if wanted.shape != predicted.shape:
        raise ValueError(
            f"labels must be as many as predictions: got {list(wanted.shape)} "
            f"for {list(predicted.shape)}"
        )
    return int(np.count_nonzero(predicted == wanted))
