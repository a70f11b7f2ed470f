from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.accuracy import classes, correct

SCORES = np.array([[0.1, 0.9, 0.0], [2.0, -1.0, 1.0], [0.0, 0.0, 0.0]], np.float32)


def test_largest_score_wins_and_the_first_of_equals() -> None:
    np.testing.assert_array_equal(classes(SCORES), [1, 0, 0])


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_integers_are_classes(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(classes(np.array([7, 2, 1]).reshape(shape)), [7, 2, 1])


def test_integer_scores_are_scores() -> None:
    np.testing.assert_array_equal(classes(np.array([[1, 5], [7, 2]])), [1, 0])


@pytest.mark.parametrize("labels", [[1, 0, 2], [[1], [0], [2]]])
def test_correct(labels: list[int]) -> None:
    assert correct(SCORES, np.array(labels)) == 2


def test_classes_of_every_pixel() -> None:
    scores = np.random.default_rng(0).normal(size=(2, 4, 3, 3))
    assert correct(scores, scores.argmax(axis=1)) == 18


def test_empty() -> None:
    assert correct(np.zeros((0, 10)), np.zeros(0, int)) == 0


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (np.zeros(3), np.zeros(3, int), r"scores \[N, classes\].*got float64 \[3\]"),
        (np.zeros((3, 1)), np.zeros(3, int), r"got float64 \[3, 1\]"),
        (SCORES, np.zeros(3), "labels are integers; got float64"),
        (SCORES, np.zeros(2, int), r"got \[2\] for \[3\]"),
    ],
)
def test_bad_input(outputs: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        correct(outputs, labels)
