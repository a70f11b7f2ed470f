"""Programming images: exact round trips, files as promised, damage told in one line."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.encoding import pack_trits
from ternary_engine.mapping.image import SUFFIXES
from ternary_engine.network import Network
from ternary_engine.steps import Geometry
from tests import networks


def assert_same(one: Network, other: Network) -> None:
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        assert mine.name == theirs.name
        np.testing.assert_array_equal(mine.pairs, theirs.pairs)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("outputs", ["rows", "columns"])
def test_round_trip(cnn: Network, tmp_path: Path, suffix: str, outputs: str) -> None:
    path = tmp_path / f"image{suffix}"
    mapping = te.map(cnn, array=(24, 40), outputs=outputs)
    assert te.write_image(mapping, path) == mapping.totals["cells"]
    back = te.read_image(cnn, path)
    assert_same(cnn, back)
    x, _ = te.zoo.data("cnn_ternary")
    np.testing.assert_array_equal(back.run(x[:9]), cnn.run(x[:9]))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    again = tmp_path / f"again{suffix}"
    te.write_image(mapping, again)
    if suffix != ".npz":  # a zip archive holds times
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "options",
    [{"largest": 4}, {"largest": 13, "geometry": Geometry((3, 3), groups=2)},
     {"output_axis": 1}, {"kind": "binary", "binary": True}],
)  # fmt: skip
def test_round_trip_of_planes_groups_and_axes(make, tmp_path: Path, options: dict) -> None:
    net, x = make(**options)
    path = tmp_path / "image.csv"
    te.write_image(te.map(net, array=(5, 7)), path)
    back = te.read_image(net, path)
    assert_same(net, back)
    np.testing.assert_array_equal(back.run(x), net.run(x))


def test_round_trip_where_sizes_are_free(tmp_path: Path) -> None:
    net = te.convert(networks.sequence())
    path = tmp_path / "image.csv"
    te.write_image(te.map(net, x=np.zeros((1, 3, 24), np.float32)), path)
    assert_same(net, te.read_image(net, path))


@pytest.fixture
def small(make) -> Network:
    return make(channels=1, outputs=2)[0]


@pytest.fixture
def image(small: Network, tmp_path: Path) -> Path:
    path = tmp_path / "image.csv"
    te.write_image(te.map(small, array=(2, 16)), path)
    return path


def test_csv_by_hand(small: Network, image: Path) -> None:
    """2 outputs of 20 inputs on two arrays of 2 x 16."""
    lines = [line for line in image.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["array", "row", "column", "BL", "BLb"]
    assert len(rows) == 40
    devices = {1: ("LRS", "HRS"), 0: ("HRS", "HRS"), -1: ("HRS", "LRS")}
    weights = small.layers[0].weights
    assert weights is not None
    for row in rows:
        column = 16 * int(row["array"]) + int(row["column"])
        assert (row["BL"], row["BLb"]) == devices[int(weights[int(row["row"]), column])]


def test_states_found_by_a_test_bench_become_weights(small: Network, image: Path) -> None:
    text = image.read_text()
    before = next(line for line in text.splitlines() if line.startswith("1,1,3,"))
    after = "1,1,3,LRS,HRS" if "HRS,HRS" in before else "1,1,3,HRS,HRS"
    header, _, body = text.partition("BLb\n")
    lines = body.replace(before, after).splitlines()
    image.write_text(header + "BLb\n" + "\n".join(reversed(lines)) + "\n")  # any order
    found = te.read_image(small, image).layers[0].weights
    stored = small.layers[0].weights
    assert np.argwhere(found != stored).tolist() == [[1, 19]]
    assert found[1, 19] == (1 if "HRS,HRS" in before else 0)


def first_cell(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("0,0,0,"))


DAMAGE = {
    "LRS/LRS": (lambda t: t.replace(first_cell(t), "0,0,0,LRS,LRS"), "row 0, column 0 is LRS/LRS"),
    "missing": (lambda t: t.replace(first_cell(t) + "\n", ""), "row 0, column 0 .*missing"),
    "twice": (lambda t: t + first_cell(t) + "\n", "array 0, row 0, column 0 is there twice"),
    "array": (lambda t: t + "2,0,0,HRS,HRS\n", "array 2, row 0, column 0 is not part .* 2 arrays"),
    "row": (lambda t: t + "0,2,0,HRS,HRS\n", "row 2, column 0 holds no weight"),
    "column": (lambda t: t + "1,0,4,HRS,HRS\n", "column 4 holds no weight"),
    "negative": (lambda t: t + "1,0,-1,HRS,HRS\n", "column -1 holds no weight"),
    "size": (lambda t: t.replace("# array: 2x16", "# array: 2x8"), "2 arrays of 2 x 8.*takes 3"),
    "no size": (lambda t: t.replace("# array: 2x16", "# array: many"), "damaged header"),
    "zero": (lambda t: t.replace("# array: 2x16", "# array: 0x16"), "damaged header.*0 x 16"),
    "orientation": (lambda t: t.replace("outputs: rows", "outputs: up"), "damaged header.*'up'"),
    "version": (lambda t: t.replace("version: 1", "version: 9"), "version '9'.*reads version 1"),
    "word": (lambda t: t.replace(first_cell(t), "0,0,0,LRS,low"), "BLb is 'low', not LRS or HRS"),
    "torn": (lambda t: t[:-8], "damaged line"),
    "text": (lambda t: t + "a,b,c,HRS,HRS\n", "damaged line: .*'a'"),
    "columns": (lambda t: t.replace("array,row", "row,array"), "its columns are 'row,array"),
    "empty": (lambda t: t.partition("BLb\n")[0] + "BLb\n", "holds no cells"),
    "nothing": (lambda t: "", "not a ternary-engine programming image"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_clear_line(small: Network, image: Path, name: str) -> None:
    spoil, expected = DAMAGE[name]
    text = image.read_text()
    assert spoil(text) != text
    image.write_text(spoil(text))
    with pytest.raises(te.FormatError, match=expected) as caught:
        te.read_image(small, image)
    assert str(caught.value).startswith(f"{image}: ")
    assert "\n" not in str(caught.value)


def test_an_image_of_another_network(small: Network, image: Path) -> None:
    layer = small.layers[0]
    trits = -layer.trits
    other = dataclasses.replace(layer, pairs=np.stack([pack_trits(plane) for plane in trits]))
    with pytest.raises(te.FormatError, match="an image of another network: network"):
        te.read_image(dataclasses.replace(small, layers=(other,)), image)


def test_a_binary_layer_has_no_zero(make, tmp_path: Path) -> None:
    net, _ = make("binary", binary=True)
    path = tmp_path / "image.csv"
    te.write_image(te.map(net), path)
    path.write_text(path.read_text().replace("HRS,LRS", "HRS,HRS", 1))
    with pytest.raises(te.FormatError, match="is HRS/HRS; layer 'layer1' is binary"):
        te.read_image(net, path)


def test_damaged_archives(small: Network, tmp_path: Path) -> None:
    npz, packed = tmp_path / "image.npz", tmp_path / "image.csv.gz"
    for path in (npz, packed):
        te.write_image(te.map(small), path)
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(te.FormatError, match="not a readable image"):
            te.read_image(small, path)
    packed.write_bytes(gzip.compress(b"\xff\xfe"))
    with pytest.raises(te.FormatError, match="not a readable image"):
        te.read_image(small, packed)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"BL": np.full(40, 2)}, "states are 0"),
        ({"BL": np.zeros(39, np.int64)}, "differ in length"),
        ({"row": np.zeros(40)}, "no whole numbers 'row'"),
        ({"row": np.full(40, 2**40)}, "row runs from"),
        ({"header": np.array("{}")}, "not a ternary-engine programming image"),
        ({"header": np.array("[]")}, "not a readable image"),
    ],
)
def test_odd_archives(small: Network, tmp_path: Path, changes: dict, expected: str) -> None:
    path = tmp_path / "image.npz"
    te.write_image(te.map(small), path)
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **arrays)
    with pytest.raises(te.FormatError, match=expected):
        te.read_image(small, path)


def test_npz_holds_the_same_as_csv(small: Network, image: Path, tmp_path: Path) -> None:
    path = tmp_path / "image.npz"
    te.write_image(te.map(small, array=(2, 16)), path)
    lines = [line for line in image.read_text().splitlines() if not line.startswith("#")]
    with np.load(path) as file:
        assert json.loads(str(file["header"]))["array"] == "2x16"
        for name in ("array", "row", "column"):
            assert file[name].tolist() == [int(row[name]) for row in csv.DictReader(lines)]
        for name in ("BL", "BLb"):
            assert file[name].tolist() == [int(r[name] == "LRS") for r in csv.DictReader(lines)]


def test_places(small: Network, tmp_path: Path) -> None:
    mapping = te.map(small)
    with pytest.raises(ValueError, match=r"image.txt: images are .csv"):
        te.write_image(mapping, tmp_path / "image.txt")
    with pytest.raises(FileNotFoundError):
        te.write_image(mapping, tmp_path / "none" / "image.csv")
    with pytest.raises(FileNotFoundError):
        te.read_image(small, tmp_path / "none.csv")
