"""Bad input: refused before anything runs, by a message with its subject, what it got, takes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.runtime.execute import Plan
from tests import networks
from tests.errors.single import CASES, build

GOOD = [[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.1, 0.9]]


def changed(row: int, column: int, value: Any) -> list[list[Any]]:
    table = [list(line) for line in GOOD]
    table[row][column] = value
    return table


@pytest.mark.parametrize("name", ["sign_flip", "drop", "rise", "ber"])
@pytest.mark.parametrize("value", [-1e-9, 1.0000001, float("nan"), float("inf"), -float("inf"), 2])
def test_probabilities_outside_0_to_1(name: str, value: float) -> None:
    expected = re.escape(f"{name}: got {value}; it takes a probability, a number from 0 to 1")
    with pytest.raises(ValueError, match=f"^{expected}$"):
        te.SenseErrors(**{name: value})
    if name == "ber":
        with pytest.raises(ValueError, match=f"^{expected}$"):
            te.SenseErrors.from_ber(value)


@pytest.mark.parametrize("name", ["sign_flip", "drop", "rise"])
@pytest.mark.parametrize("value", ["0.1", None, True, 1j, [0.1], np.array([0.1])])
def test_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name}: got .*; it takes a probability"):
        te.SenseErrors(**{name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    assert te.SenseErrors(drop=np.float32(0.5), rise=np.int64(1)) == te.SenseErrors(0.0, 0.5, 1.0)


def test_sign_flip_and_drop_together() -> None:
    expected = r"^sign_flip \+ drop: got 0.6 \+ 0.5; together they are at most 1$"
    with pytest.raises(ValueError, match=expected):
        te.SenseErrors(sign_flip=0.6, drop=0.5)


@pytest.mark.parametrize("per", ["reads", "", None, "Sample", 3])
def test_unknown_per(per: Any) -> None:
    for make in (te.SenseErrors, lambda per: te.SenseErrors.from_ber(0.1, per=per)):
        with pytest.raises(
            ValueError, match=r"^per: got .*takes one of program, batch, sample, read"
        ):
            make(per=per)


# Tables


@pytest.mark.parametrize("table", [np.eye(2), np.ones((3, 3, 1)) / 3, np.zeros((0, 3)), np.eye(4)])
def test_tables_of_another_shape(table: np.ndarray) -> None:
    expected = re.escape(f"table: got shape {table.shape}; it takes P[stored, read], 3 x 3")
    with pytest.raises(ValueError, match=f"^{expected}"):
        te.SenseErrors.from_table(table)


@pytest.mark.parametrize(
    "table", [0.5, [1.0, 0.0, 0.0], [[1, 0, 0], [0, 1], [0, 0, 1]], "table", None]
)
def test_what_is_no_table(table: Any) -> None:
    with pytest.raises(ValueError, match=r"^table: got "):
        te.SenseErrors.from_table(table)


@pytest.mark.parametrize(
    ("row", "off", "total"), [(0, "+0.05", "1.05"), (1, "-0.05", "0.95"), (2, "+1e-06", "1.000001")]
)
def test_rows_that_do_not_sum_to_1(row: int, off: str, total: str) -> None:
    table = changed(row, row, GOOD[row][row] + float(off))
    if row == 1:
        table[1][0] = 0.0
    expected = re.escape(
        f"table: the row of stored {row - 1:+d} sums to {total}, off by {off}; each row sums to 1"
    )
    if row != 1 and GOOD[row][row] + float(off) > 1:
        pytest.fail("the example itself is no probability")
    with pytest.raises(ValueError, match=f"^{expected}$"):
        te.SenseErrors.from_table(table)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), float("inf")])
def test_entries_that_are_no_probabilities(value: float) -> None:
    expected = re.escape(f"table: P[stored -1, read +1]: got {value}; it takes a probability")
    with pytest.raises(ValueError, match=f"^{expected}"):
        te.SenseErrors.from_table(changed(0, 2, value))


def test_a_row_may_be_off_by_rounding() -> None:
    te.SenseErrors.from_table([[0.1 + 0.2, 0.7, 0.0], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])


@pytest.mark.parametrize(
    "given",
    [
        {"ber": 0.1, "drop": 0.1},
        {"ber": 0.0, "rise": 0.1},
        {"table": GOOD, "sign_flip": 0.1},
        {"table": GOOD, "ber": 0.1},
    ],
)
def test_errors_are_given_one_way(given: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"^errors are given as rates, as ber or as a table, not as"
    ):
        te.SenseErrors(**given)


# Layers


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may run."""

    def run(*_: object) -> None:
        pytest.fail("something ran")

    monkeypatch.setattr(Plan, "run", run)


def refuse(network: te.Network, errors: Any, expected: str, kind: type[Exception]) -> None:
    port = network.inputs[0]
    x = np.zeros([size or 4 for size in (2, *port.shape[1:])], np.float32)
    with pytest.raises(kind, match=expected):
        network.run(x, errors=errors)
    with pytest.raises(kind, match=expected):
        network.program(errors=errors)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("rates", [{"drop": 0.1}, {"rise": 0.2}, {"sign_flip": 0.1, "rise": 0.2}])
def test_a_binary_layer_has_no_zero_state(rates: dict[str, float]) -> None:
    network = build(CASES["binary"]).network
    expected = (
        r"^layer 'layer' is binary and has no zero state: it takes sign_flip only; got "
        rf"drop={rates.get('drop', 0.0)}, rise={rates.get('rise', 0.0)}"
    )
    refuse(network, te.SenseErrors(**rates), expected, ValueError)
    refuse(network, {"layer": te.SenseErrors(**rates)}, expected, ValueError)


@pytest.mark.usefixtures("never")
def test_a_table_that_reads_binary_cells_as_0() -> None:
    table = [[0.9, 0.0, 0.1], [0.0, 1.0, 0.0], [0.1, 0.2, 0.7]]
    expected = r"^layer 'layer' is binary and has no zero state; the table reads its cells as 0 wi"
    refuse(build(CASES["binary"]).network, te.SenseErrors.from_table(table), expected, ValueError)


def test_a_binary_layer_takes_its_own_errors() -> None:
    one = build(CASES["binary"])
    x = one.feed(one.image(0), 2)
    for errors in (
        te.SenseErrors(sign_flip=0.1),
        te.SenseErrors.from_ber(0.1),
        te.SenseErrors.from_table([[0.9, 0.0, 0.1], [0.5, 0.0, 0.5], [0.2, 0.0, 0.8]]),
    ):
        one.network.run(x, errors=errors)


@pytest.mark.usefixtures("never")
def test_more_errors_than_the_reference_injection_can_have() -> None:
    one = build(CASES["linear"], codes=np.ones((4, 40), np.int64))
    expected = r"^ber: got 0.6; layer 'layer' with a zero fraction of 0.000 takes at most 0.500$"
    refuse(one.network, te.SenseErrors.from_ber(0.6), expected, ValueError)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    ("name", "order"),
    [("conv1", "'conv10', 'conv1.x', 'fc0'"), ("fc", "'fc0', "), ("FC0", "'fc0', "), ("", "")],
)
def test_unknown_layers(name: str, order: str) -> None:
    one = build(CASES["linear"])
    encode, crossbar, scale = one.network.steps
    network = replace(
        one.network,
        layers=tuple(replace(one.layer, name=known) for known in ("fc0", "conv10", "conv1.x")),
        steps=(encode, replace(crossbar, layer="fc0"), scale),
    )
    expected = re.escape(f"errors: no crossbar layer {name!r}; the crossbar layers are {order}")
    refuse(network, {name: te.SenseErrors(drop=0.1)}, f"^{expected}", ValueError)


@pytest.mark.usefixtures("never")
def test_digital_layers_know_no_errors() -> None:
    network = te.convert(networks.mlp((8, 4, 3), activations="real"))
    names = [layer.name for layer in network.layers if layer.placement == "digital"]
    for name in names:
        refuse(
            network, {name: te.SenseErrors()}, f"^errors: no crossbar layer {name!r}", ValueError
        )


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("errors", [0.1, 0, "", "read", [te.SenseErrors()], np.eye(3)])
def test_what_are_no_errors(errors: Any) -> None:
    expected = f"^errors: got {type(errors).__name__}; it takes SenseErrors, or a dict of them"
    refuse(build(CASES["linear"]).network, errors, expected, TypeError)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("one", [0.1, None, {}])
def test_what_are_no_errors_of_a_layer(one: Any) -> None:
    expected = rf"^errors\['layer'\]: got {type(one).__name__}; it takes SenseErrors$"
    refuse(build(CASES["linear"]).network, {"layer": one}, expected, TypeError)


# Seeds


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("errors", [None, te.SenseErrors(drop=0.1)])
def test_a_negative_seed(errors: te.SenseErrors | None) -> None:
    one = build_quietly()
    expected = r"^seed: got -1; it takes a whole number from 0 on, or None$"
    with pytest.raises(ValueError, match=expected):
        one.run(np.zeros((1, 40), np.float32), errors=errors, seed=-1)
    if errors is not None:
        with pytest.raises(ValueError, match=expected):
            one.program(errors=errors, seed=-1)


def build_quietly() -> te.Network:
    return te.convert(networks.mlp((40, 4)))


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("seed", [1.5, "7", True, float("nan"), [1]])
def test_what_is_no_seed(seed: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^seed: got .*; it takes a whole number from 0 on, or None$"
    ):
        build_quietly().run(np.zeros((1, 40), np.float32), errors=te.SenseErrors(), seed=seed)


def test_good_seeds() -> None:
    network, x = build_quietly(), np.zeros((1, 40), np.float32)
    for seed in (0, np.int64(3), np.uint64(2**64 - 1), 2**300):
        network.run(x, errors=te.SenseErrors(drop=0.1), seed=seed)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("name", ["threads", "batch_size"])
def test_counts_below_1(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{name}: got {value}"):
        build_quietly().run(np.zeros((1, 40), np.float32), **{name: value})
