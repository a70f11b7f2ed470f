"""Where a network uses its crossbar layers: sizes of images and windows, found without running it.

Only the digital pieces between are executed, on one sample of zeros, to learn their shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.layer import Layer
from ternary_engine.network import Network
from ternary_engine.runtime.layout import ImageLayout, valid_taps, window_counts
from ternary_engine.runtime.periphery import make_session
from ternary_engine.steps import (
    Crossbar,
    Decode,
    Digital,
    Encode,
    Geometry,
    Join,
    LookupCodes,
    LookupReal,
    Pool,
    RealCrossbar,
    ScaleReal,
    Step,
    Threshold,
)

__all__ = ["REAL_BITS", "Use", "coverage", "find_uses"]

Array = npt.NDArray[Any]
Image = tuple[int, int, int]  # channels, rows, columns

REAL_BITS = 32
_DTYPES = {"float": "f4", "double": "f8", "float16": "f2", "bool": "?"}


@dataclass(frozen=True)
class Use:
    """One place where a network feeds a crossbar layer.

    Attributes:
        layer: name of the layer.
        geometry: the window.
        image: channels, rows and columns of the input.
        windows: rows and columns of the output.
        presentations: reads of the array per position: bits of a bit-serial input, else 1.
        input_bits: bits of an input value in its buffer; 32 for a real one.
        output_bits: bits of an output value in its buffer; 32 for a real one.
        output_steps: thresholds that an output is compared with; 0 for a real one.
        real: the input is real-valued.
    """

    layer: str
    geometry: Geometry
    image: Image
    windows: tuple[int, int]
    presentations: int
    input_bits: int
    output_bits: int
    output_steps: int
    real: bool

    @property
    def positions(self) -> int:
        """Windows per inference."""
        return self.windows[0] * self.windows[1]

    @property
    def input_values(self) -> int:
        """Values of the input image."""
        return self.image[0] * self.image[1] * self.image[2]

    @property
    def input_loads(self) -> int:
        """Values in all windows together, padding left out."""
        rows, columns = coverage(self.image, self.geometry)
        return self.image[0] * int(rows.sum()) * int(columns.sum())


def coverage(image: Image, geometry: Geometry) -> tuple[Array, Array]:
    """How many windows see each row and each column of an image.

    Args:
        image: channels, rows, columns.
        geometry: the window.

    Returns:
        int64 [rows], int64 [columns]; a pixel is seen by the product of its two numbers.
    """
    layout = ImageLayout(*image, 1, (0, 0, 0, 0))
    found = []
    for axis, valid in enumerate(valid_taps(layout, geometry)):
        first = np.arange(len(valid)) * geometry.strides[axis] - geometry.pads[axis]
        taps = np.arange(valid.shape[1]) * geometry.dilations[axis]
        seen = (first[:, None] + taps)[valid]
        found.append(np.bincount(seen, minlength=image[1 + axis]))
    return found[0], found[1]


def find_uses(network: Network, sizes: Mapping[str, tuple[int, ...]] | None = None) -> list[Use]:
    """Find every use of a crossbar layer, in the order of the steps.

    Args:
        network: a converted network.
        sizes: shape of one sample of each input, without the batch axis; defaults to those that
            the network states.

    Raises:
        ValueError: the network leaves a size free and ``sizes`` does not say.
    """
    return _Walk(network, sizes or {}).uses


class _Walk:
    """Carries shapes through the steps."""

    def __init__(self, network: Network, sizes: Mapping[str, tuple[int, ...]]) -> None:
        self.network = network
        self.layers: dict[str, Layer] = {layer.name: layer for layer in network.layers}
        self.real: dict[str, Array] = {}
        self.images: dict[str, Image] = {}
        self.codes: dict[str, Codes] = {}
        self.uses: list[Use] = []
        for port in network.inputs:
            shape = sizes.get(port.name, port.shape[1:])
            if any(size is None for size in shape):
                raise ValueError(
                    f"input {port.name!r} leaves sizes free: a mapping needs a sample "
                    "(x=... in Python, --data on the command line)"
                )
            self.real[port.name] = np.zeros((1, *(size or 0 for size in shape)), port.dtype)
        for step in network.steps:
            self._take(step)

    def _take(self, step: Step) -> None:
        if isinstance(step, Encode):
            self.images[step.target] = _encoded(self.real[step.source].shape, step)
            self.codes[step.target] = step.codes
        elif isinstance(step, Threshold | LookupCodes):
            self.images[step.target] = self.images[step.source]
            self.codes[step.target] = step.codes
        elif isinstance(step, Pool):
            image = self.images[step.source]
            self.images[step.target] = (image[0], *_windows(image, step.geometry))
            self.codes[step.target] = self.codes[step.source]
        elif isinstance(step, Join):
            images = [self.images[name] for name in step.sources]
            self.images[step.target] = (sum(image[0] for image in images), *images[0][1:])
            self.codes[step.target] = self.codes[step.sources[0]]
        elif isinstance(step, Crossbar):
            self._crossbar(step)
        elif isinstance(step, RealCrossbar):
            self._real_crossbar(step)
        elif isinstance(step, LookupReal | ScaleReal | Decode):
            self._put(step.target, _shape(step.form, self.images[step.source]))
        elif isinstance(step, Digital):
            self._digital(step)

    def _put(self, name: str, shape: tuple[int, ...]) -> None:
        self.real[name] = np.zeros((1, *shape), np.float32)

    def _crossbar(self, step: Crossbar) -> None:
        image, codes = self.images[step.source], self.codes[step.source]
        windows = _windows(image, step.geometry)
        serial = codes.kind in ("unsigned", "signed")
        self._note(step, image, windows, codes.bits if serial else 1, codes.planes)
        self.images[step.target] = (self.layers[step.layer].outputs, *windows)

    def _real_crossbar(self, step: RealCrossbar) -> None:
        shape = self.real[step.source].shape[1:]
        outputs = self.layers[step.layer].outputs
        if step.form == "NTC":
            image: Image = (shape[-1], 1, int(np.prod(shape[:-1], dtype=np.int64)))
            windows, result = (1, image[2]), (*shape[:-1], outputs)
        else:
            image = (shape[0], *(1, 1, *shape[1:])[-2:])
            windows = _windows(image, step.geometry)
            result = _shape(step.form, (outputs, *windows))
        self._note(step, image, windows, 1, REAL_BITS)
        self._put(step.target, result)

    def _note(
        self,
        step: Crossbar | RealCrossbar,
        image: Image,
        windows: tuple[int, int],
        presentations: int,
        bits: int,
    ) -> None:
        codes = _next_codes(self.network, step.target)
        self.uses.append(
            Use(
                layer=step.layer,
                geometry=step.geometry,
                image=image,
                windows=windows,
                presentations=presentations,
                input_bits=bits,
                output_bits=REAL_BITS if codes is None else codes.planes,
                output_steps=0 if codes is None else len(codes.values) - 1,
                real=isinstance(step, RealCrossbar),
            )
        )

    def _digital(self, step: Digital) -> None:
        session = make_session(step.model)
        kinds = {one.name: one.type for one in session.get_inputs()}
        feeds = {
            name: self.real[name].astype(_dtype(kinds[name]), copy=False) for name in step.sources
        }
        outputs = session.run(list(step.targets), feeds)
        self.real.update(zip(step.targets, outputs, strict=True))


def _dtype(kind: str) -> str:
    """NumPy's name for ONNX Runtime's ``tensor(float)`` and kin."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return _DTYPES.get(name, name)


def _windows(image: Image, geometry: Geometry) -> tuple[int, int]:
    return window_counts(ImageLayout(*image, 1, (0, 0, 0, 0)), geometry)


def _shape(form: str, image: Image) -> tuple[int, ...]:
    """Shape of one sample of a real value in a form of `steps.LookupReal`."""
    channels, _, width = image
    shapes = {"NTC": (width, channels), "NCHW": image, "NCL": (channels, width), "NC": (channels,)}
    return shapes[form]


def _encoded(shape: tuple[int, ...], step: Encode) -> Image:
    """The image that a real value (batch first) becomes."""
    sample = shape[1:]
    if step.flatten:
        sample = (int(np.prod(sample, dtype=np.int64)),)
    if step.channels_last:
        return sample[-1], 1, int(np.prod(sample[:-1], dtype=np.int64))
    rows, columns = (1, 1, *sample[1:])[-2:]
    return sample[0], rows, columns


def _next_codes(network: Network, name: str) -> Codes | None:
    """The code that a layer's result becomes in the next step, if it does."""
    for step in network.steps:
        if isinstance(step, Encode | Threshold | LookupCodes) and step.source == name:
            return step.codes
    return None
