"""Packed files: what goes in comes out, and nothing that is damaged does."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ternary_engine import steps, storage
from ternary_engine.exceptions import FormatError
from ternary_engine.layer import Layer
from ternary_engine.network import Network
from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder


def full() -> tuple[Network, np.ndarray[Any, Any]]:
    """A network with every kind of step and layer."""
    made = Builder(1, 3, 6, 6)
    padded = Geometry((3, 3), pads=(1, 1, 1, 1))
    sums = made.crossbar(made.encode("signed", 4), 20, padded, largest=5)
    codes = made.pool(made.threshold(sums, "ternary"), Geometry((2, 2), (2, 2), ceil_mode=True))
    looked = made.look_up_codes(made.crossbar(codes, 7, Geometry()), "unsigned", 3)
    last = made.crossbar(made.join(looked, looked), 4, binary=True)
    real = made.real_convolution(5, made.negation())
    outputs = (made.look_up(last, "NC"), made.scale(last, "NC"), made.decode(looked), real)
    made.scale(last, "NC", offset=False)
    network = made.network(*outputs)
    digital = Layer(
        name="dense", op="Gemm", kind="linear", placement="digital", input="real",
        reason="1,024 distinct values", shape=(5, 4), output_axis=0,
        scales=np.zeros(0, np.float32), pairs=None, levels=1024,
    )  # fmt: skip
    described = dataclasses.replace(
        network,
        layers=(*network.layers, digital),
        provenance={"file": "\u00fc.onnx", "sha256": "0" * 64},
        notes=("first note", "second"),
    )
    return described, made.input(3)


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal through and through, types of arrays included."""
    if isinstance(first, np.ndarray):
        return (
            isinstance(second, np.ndarray)
            and first.dtype == second.dtype
            and first.shape == second.shape
            and first.tobytes() == second.tobytes()
        )
    if dataclasses.is_dataclass(first):
        return type(first) is type(second) and all(
            same(getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first)
        )
    if isinstance(first, tuple):
        return (
            isinstance(second, tuple)
            and len(first) == len(second)
            and all(same(a, b) for a, b in zip(first, second, strict=True))
        )
    return type(first) is type(second) and bool(first == second)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full network, saved."""
    path = tmp_path_factory.mktemp("packed") / "net.tern"
    full()[0].save(path)
    return path


def test_every_step_and_record_comes_back(packed: Path) -> None:
    network, x = full()
    kinds = {type(step) for step in network.steps}
    assert kinds == set(steps.Step.__args__), "a step is missing from this test"
    loaded = storage.load(packed)
    assert same(loaded, network)
    got, expected = loaded.run({"x": x}), network.run({"x": x})
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])


def test_a_loaded_network_may_be_saved_over_its_own_file(packed: Path, tmp_path: Path) -> None:
    path = tmp_path / "net"
    path.write_bytes(packed.read_bytes())
    network = storage.load(path)
    network.save(path)
    assert same(storage.load(path), network)
    assert [p.name for p in tmp_path.iterdir()] == ["net"]


def test_a_network_of_nothing(tmp_path: Path) -> None:
    empty = Network(inputs=(), outputs=(), layers=(), steps=())
    empty.save(tmp_path / "empty")
    assert same(storage.load(tmp_path / "empty"), empty)


def test_a_loaded_file_is_mapped_not_copied(packed: Path) -> None:
    layer = storage.load(packed).layers[0]
    assert layer.pairs is not None
    assert not layer.pairs.flags.owndata
    assert not layer.pairs.flags.writeable


# Damage


def _refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        storage.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message


def _header(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def test_any_flipped_bit_is_refused(packed: Path, tmp_path: Path, seed: int) -> None:
    """One bit in a third of the bytes of the header, and in bytes all over the data.

    Spaces that pad the header are the one thing that carries nothing: another white-space
    character there is the same file.
    """
    content = packed.read_bytes()
    network = storage.load(packed)
    random = np.random.default_rng(seed)
    header = _header(content)
    in_header = range(int(random.integers(3)), header, 3)
    places = [*range(8), *in_header, *random.integers(header, len(content), 400).tolist()]
    harmless = 0
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        try:
            loaded = storage.load(path)
        except FormatError:
            continue
        assert same(loaded, network), f"byte {place}: a wrong network"
        harmless += 1
    assert harmless <= 16


def test_the_same_network_gives_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    for number in range(3):
        storage.load(packed).save(tmp_path / f"again {number}")
        assert (tmp_path / f"again {number}").read_bytes() == packed.read_bytes()


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    for name in ("net.tern", "model.onnx"):
        with pytest.raises(FileNotFoundError, match=name):
            storage.load(tmp_path / name)


def test_truncations(packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    header, size = _header(content), len(content)
    lengths = {*range(40), header // 2, *range(header - 3, header + 4), *range(size - 70, size)}
    lengths |= set(range(header, size, max(1, (size - header) // 50)))
    for length in sorted(lengths):
        _refused(tmp_path / "short", content[:length])


@pytest.mark.parametrize("extra", [b"\0", b"{}", b"x" * 5000])
def test_bytes_behind_the_end_are_refused(packed: Path, tmp_path: Path, extra: bytes) -> None:
    _refused(tmp_path / "long", packed.read_bytes() + extra)


def _changed(packed: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The file with another header, whose length and offsets are right."""
    content = packed.read_bytes()
    header = json.loads(content[8 : _header(content)])
    header["t"] = min(name for name, entry in header.items() if entry.get("dtype") == "U8")
    header["m"] = json.loads(header["__metadata__"][storage.ENTRY])
    change(header)
    del header["t"]
    text = json.dumps(header.pop("m"))
    if isinstance(header.get("__metadata__"), dict):
        header["__metadata__"][storage.ENTRY] = text
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[_header(content) :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["m"].update(format="other"), "no ternary-engine network"),
        (lambda h: h["m"].pop("format"), "no ternary-engine network"),
        (lambda h: h.pop("__metadata__"), "no ternary-engine network"),
        (lambda h: h["m"].update(version="2"), "version '2'.*newer"),
        (lambda h: h["m"].update(version="99"), "version '99'.*newer"),
        (lambda h: h["m"].pop("version"), "version"),
        (lambda h: h["m"].pop("sha256"), "damaged"),
        (lambda h: h["m"].update(network="{}"), "damaged"),
        (lambda h: h["m"].pop("network"), "damaged"),
        (lambda h: h.update(__metadata__=3), "header"),
        (lambda h: h[h["t"]].update(dtype="F32"), "damaged|header"),
        (lambda h: h[h["t"]].update(dtype="F99"), "header"),
        (lambda h: h[h["t"]].update(shape=[1]), "damaged|header"),
        (lambda h: h[h["t"]].update(shape=[-1]), "damaged|header"),
        (lambda h: h[h["t"]].update(data_offsets=[0, 10**9]), "truncated|header"),
        (lambda h: h[h["t"]].update(data_offsets=[-8, 8]), "truncated|header"),
        (lambda h: h[h["t"]].update(data_offsets=[8, 0]), "truncated|header"),
        (lambda h: h[h["t"]].update(data_offsets="all"), "header"),
        (lambda h: h.pop(h["t"]), "damaged"),
        (lambda h: h.update(t9999=h[h["t"]]), "damaged"),
    ],
)
def test_changed_headers(
    packed: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = tmp_path / "changed"
    path.write_bytes(_changed(packed, change))
    with pytest.raises(FormatError, match=message):
        storage.load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\0" * 8, b"\0" * 100, b"PK\x03\x04 a zip file", b"x" * 1000,
        b"\xff" * 8 + b"{}", (2).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"null", (9).to_bytes(8, "little") + b'{"a": 1}!',
        (100_000).to_bytes(8, "little") + b"{" * 100_000,
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    _refused(tmp_path / "other", content)


def _resealed(tmp_path: Path, network: Network) -> Path:
    path = tmp_path / "sealed"
    network.save(path)
    return path


def test_a_pair_of_two_low_resistances_is_refused(tmp_path: Path) -> None:
    """Even in a file whose checksum is right."""
    network, x = full()
    pairs = network.layers[0].pairs
    assert pairs is not None
    bad = pairs.copy()
    bad[0, 0] |= 0b11
    layers = (dataclasses.replace(network.layers[0], pairs=bad), *network.layers[1:])
    path = _resealed(tmp_path, dataclasses.replace(network, layers=layers))
    with pytest.raises(FormatError, match="LRS/LRS"):
        storage.load(path).run({"x": x})


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        storage.load(tmp_path / "absent.tern")
    with pytest.raises(OSError, match="nowhere"):
        full()[0].save(tmp_path / "nowhere" / "net.tern")
    assert list(tmp_path.iterdir()) == []
