"""``run --code``: weights kept as bits, from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ternary_engine as te
from tests.cli.conftest import command

__all__ = ["command"]


@pytest.fixture
def data(tmp_path):
    x, labels = te.zoo.data("mlp_binary")
    np.savez(tmp_path / "data.npz", x=x, y=labels)
    return tmp_path / "data.npz"


def test_run_uses_the_network_that_is_read_back(command, data) -> None:
    options = ("--code", "secded(8,4)", "--raw-ber", "0.1", "--seed", "7")
    result = command("run", te.zoo.path("mlp_binary"), data, *options, "--json")
    assert (result.status, result.err) == (0, "")
    found = json.loads(result.out)
    stored = te.protect(te.zoo.load("mlp_binary"), "secded(8,4)", raw_ber=0.1, seed=7)
    x, labels = te.zoo.data("mlp_binary")
    assert found["correct"] == (stored.network.run(x).argmax(axis=1) == labels).sum()
    assert found["stored"] == json.loads(json.dumps(stored.to_dict()))
    shown = command("run", te.zoo.path("mlp_binary"), data, *options).out
    assert f"stored    {stored}, seed 7" in shown


def test_a_seed_is_drawn_and_told(command, data) -> None:
    options = ("--code", "1t1r", "--raw-ber", "0.2", "--json")
    first, second = (
        json.loads(command("run", te.zoo.path("mlp_binary"), data, *options).out) for _ in range(2)
    )
    assert first["seed"] == first["stored"]["seed"] != second["seed"]
    assert first["stored"]["wrong"] != second["stored"]["wrong"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--code", "2t2r"), "--code and --raw-ber go together"),
        (("--raw-ber", "0.1"), "--code and --raw-ber go together"),
        (("--code", "turbo", "--raw-ber", "0.1"), "code: got 'turbo'; it takes 1t1r, 2t2r, sec"),
        (("--code", "1t1r", "--raw-ber", "0.7"), "raw_ber: got 0.7"),
    ],
)
def test_bad_input_is_one_line(command, data, options, said: str) -> None:
    result = command("run", te.zoo.path("mlp_binary"), data, *options)
    assert (result.status, result.out) == (2, "")
    assert said in result.err.replace("\n", " ")
    assert "Traceback" not in result.err
