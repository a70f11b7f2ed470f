"""``ternary-engine program``, its picture, and running the chip that it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ternary_engine as te

NETWORK = te.zoo.path("mlp_ternary")
DEFAULT = ("--stuck-hrs", "0.02", "--seed", "7")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    x, y = te.zoo.data("mlp_ternary")
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(path, x=x[:100], y=y[:100])
    return path


@pytest.fixture(scope="module")
def chip():
    device, net = te.Device(stuck_hrs=0.02), te.load(NETWORK)
    return net.program(device=device, sense=te.SenseAmp(), seed=7)


def test_json_says_what_the_chip_says(command, chip, data, tmp_path) -> None:
    target = tmp_path / "chip.tern"
    result = command("program", NETWORK, *DEFAULT, "--data", data, "-o", target, "--json")
    assert result.status == 0, result.err
    report = json.loads(result.out)
    assert report["layers"] == chip.rows()
    assert report["price"] == chip.price()
    assert report["seed"] == 7
    x, y = (np.load(data)[name] for name in ("x", "y"))
    right = (chip.run(x, seed=7).argmax(axis=1) == y).mean()
    assert report["accuracy"] == pytest.approx(right)
    assert report["accuracy_error_free"] == pytest.approx(
        (chip.stored.run(x).argmax(axis=1) == y).mean()
    )
    loaded = te.load(target)
    np.testing.assert_array_equal(loaded.run(x, seed=3), chip.run(x, seed=3))
    ran = command("run", target, data, "--seed", "3", "--json")
    found = json.loads(ran.out)
    assert found["accuracy"] == pytest.approx((chip.run(x, seed=3).argmax(axis=1) == y).mean())
    assert found["seed"] == 3


def test_text_has_a_line_for_each_layer(command, chip) -> None:
    result = command("program", NETWORK, *DEFAULT, "--verify", "3", "--polarity", "--votes", "3")
    assert result.status == 0, result.err
    for part in ("chip 7: talk devices", "3 senses a read", "gave up", "are chosen"):
        assert part in result.out
    for layer in chip.programmed:
        assert f"\n{layer}" in result.out


def test_picture(command, chip, tmp_path) -> None:
    result = command(
        "program", NETWORK, *DEFAULT, "--layer", "linear3", "--plot", tmp_path / "cells.png"
    )
    assert result.status == 0, result.err
    assert (tmp_path / "cells.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--noise", "-1"], "noise_sigma: got -1.0; it takes 0 or more, in volts"),
        (["--votes", "2"], "votes: got 2; it takes an odd number"),
        (["--spares", "2"], "spares: got 2; spare lines are of use"),
        (["--device", "other"], "device: got 'other'"),
        (["--layer", "other"], "--layer: got 'other'"),
        (["--array", "32"], "--array: got '32'"),
        (["--stuck-lrs", "0.7", "--stuck-hrs", "0.7"], "stuck_lrs + stuck_hrs: got 0.7 + 0.7"),
        (["-o", "/nowhere/chip.tern"], "no such folder"),
    ],
)
def test_bad_options_are_one_line(command, arguments: list[str], message: str) -> None:
    result = command("program", NETWORK, *arguments)
    assert result.status == 2
    assert result.out == ""
    (line,) = result.err.strip().splitlines()
    assert message in line


def test_a_chip_takes_no_rates(command, chip, data, tmp_path) -> None:
    chip.save(tmp_path / "chip.tern")
    result = command("run", tmp_path / "chip.tern", data, "--ber", "0.1")
    assert result.status == 2
    assert "this network is a chip" in result.err
