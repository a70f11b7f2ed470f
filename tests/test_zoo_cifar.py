"""Networks of CIFAR-10 in the zoo: their images do not ship, and are read from a user's file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine import zoo

NAMES = tuple(name for name in zoo.names(everything=True) if name not in zoo.names())
LARGEST = 1_000_000  # packed; the .onnx has a byte for every weight
LARGEST_ONNX = 1_500_000
every_network = pytest.mark.parametrize("name", NAMES)


def test_there_are_some() -> None:
    assert NAMES
    assert zoo.names(everything=True)[: len(zoo.names())] == zoo.names()


@every_network
def test_network_is_small_and_as_described(name: str, tmp_path: Path) -> None:
    entry = zoo.describe(name)
    assert entry.data == "cifar10"
    assert entry.onnx_bytes == zoo.path(name).stat().st_size < LARGEST_ONNX
    net = zoo.load(name)
    net.save(tmp_path / "net.tern")
    assert (tmp_path / "net.tern").stat().st_size < LARGEST
    allowed = {-1, 0, 1} if entry.weights == "ternary" else {-1, 1}
    for layer in net.layers:
        assert layer.placement == "crossbar"
        assert set(np.unique(layer.weights).tolist()) == allowed
    x = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    assert te.check(zoo.path(name), x).agrees


@every_network
def test_no_trace_of_the_machine_that_trained(name: str) -> None:
    content = zoo.path(name).read_bytes()
    assert b"/" + b"work" not in content
    assert b"site-packages" not in content


@every_network
def test_readme_states_the_same_accuracy(name: str) -> None:
    folder = Path(zoo.__file__).parent
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {name} |")]
    assert f"| {100 * zoo.describe(name).accuracy:.2f} % |" in row


@every_network
def test_data_that_do_not_ship_are_told_where_to_get(name: str) -> None:
    with pytest.raises(te.TernaryEngineError, match=r"CIFAR-10 do not ship.*source=.*https://"):
        zoo.data(name)


@pytest.mark.slow
@every_network
def test_stated_accuracy_is_reproduced(name: str, shared: Path) -> None:
    """On all test images; one in 5,000 may differ where a sum meets a threshold exactly."""
    pytest.importorskip("PIL", reason="JPEG images need Pillow")
    x, labels = zoo.data(name, shared / "data" / "cifar10_jpeg.npz")
    entry = zoo.describe(name)
    assert len(x) == entry.samples
    right = zoo.load(name).run(x).argmax(axis=1) == labels
    assert right.mean() == pytest.approx(entry.accuracy, abs=2e-4)


IMAGES = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1])


def test_images_from_arrays_and_from_the_binary_version(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_test=IMAGES, y_test=LABELS[:, None], x_train=IMAGES)
    records = np.concatenate(
        [LABELS[:, None].astype(np.uint8), IMAGES.transpose(0, 3, 1, 2).reshape(4, -1)], axis=1
    )
    records.tofile(tmp_path / "test_batch.bin")
    for file in ("a.npz", "test_batch.bin"):
        x, labels = zoo.data(NAMES[0], tmp_path / file)
        np.testing.assert_array_equal(x, IMAGES.transpose(0, 3, 1, 2))
        assert labels.tolist() == LABELS.tolist()
        assert x.dtype == np.uint8
        assert labels.dtype == np.int64


def test_images_from_jpeg_files(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="JPEG images need Pillow")
    files = []
    for pixels in IMAGES:
        stream = io.BytesIO()
        image.fromarray(pixels).save(stream, "JPEG", quality=95)
        files.append(stream.getvalue())
    np.savez(
        tmp_path / "jpeg.npz",
        jpeg=np.frombuffer(b"".join(files), np.uint8),
        offsets=np.cumsum([0, *map(len, files)]),
        labels=LABELS,
        test=np.array([False, True, False, True]),
    )
    x, labels = zoo.data(NAMES[0], tmp_path / "jpeg.npz")
    assert labels.tolist() == [1, 1]
    for found, file in zip(x, (files[1], files[3]), strict=True):
        expected = np.asarray(image.open(io.BytesIO(file)))
        np.testing.assert_array_equal(found.transpose(1, 2, 0), expected)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES}, "it has x, jpeg is missing"),
        ({"x_test": IMAGES[:, :16], "y_test": LABELS}, r"uint8 \[4, 16, 32, 3\] with 4 labels"),
        ({"x_test": IMAGES, "y_test": LABELS[:2]}, "with 2 labels"),
        ({"x_test": IMAGES / 255, "y_test": LABELS}, "float64"),
    ],
)
def test_other_arrays(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(te.TernaryEngineError, match=message):
        zoo.data(NAMES[0], tmp_path / "a.npz")


@pytest.mark.parametrize(("file", "content"), [("a.bin", b"x" * 100), ("a.npz", b"no zip at all")])
def test_other_files(tmp_path: Path, file: str, content: bytes) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(te.TernaryEngineError, match=r"it takes test_batch\.bin"):
        zoo.data(NAMES[0], tmp_path / file)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        zoo.data(NAMES[0], tmp_path / "none.npz")
