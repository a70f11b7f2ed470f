"""Tables that lead kernels through memory: inside the buffer, and onto the right words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ternary_engine.kernels.layout import PANEL, WORD_BITS, words_for
from ternary_engine.runtime.layout import (
    ImageLayout,
    group_window,
    merge_runs,
    position_starts,
    tap_offsets,
    window_counts,
    window_starts,
)
from ternary_engine.steps import Geometry


@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 40))
def test_panels_of_groups_read_their_channels_and_no_more(
    groups: int, channels_of_a_group: int, outputs_of_a_group: int
) -> None:
    channels, outputs = groups * channels_of_a_group, groups * outputs_of_a_group
    window = group_window(channels, outputs, groups)
    assert len(window.first) == -(-outputs // PANEL)
    for panel, first in enumerate(window.first):
        assert 0 <= first <= words_for(channels) - window.words
        last = min(outputs, (panel + 1) * PANEL) - 1
        low = panel * PANEL // outputs_of_a_group * channels_of_a_group
        high = (last // outputs_of_a_group + 1) * channels_of_a_group
        assert first * WORD_BITS <= low
        assert high <= (first + window.words) * WORD_BITS


@given(st.data(), st.integers(1, 130), st.integers(1, 7), st.integers(1, 7), st.integers(1, 9))
def test_windows_stay_in_the_buffer(
    data: st.DataObject, channels: int, height: int, width: int, planes: int
) -> None:
    small = st.integers(0, 3)
    pads = tuple(data.draw(small) for _ in range(4))
    kernel = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    strides = (1 + data.draw(small), 1 + data.draw(small))
    geometry = Geometry(kernel, strides, pads, (1 + data.draw(small), 1 + data.draw(small)))
    border = tuple(pad + data.draw(small) for pad in pads)
    layout = ImageLayout(channels, height, width, planes, border)
    try:
        window_counts(layout, geometry)
    except ValueError:
        return  # larger than the padded image
    starts, offsets = window_starts(layout, geometry, 2), tap_offsets(layout, geometry)
    runs, words = merge_runs(offsets, layout.words, planes)
    assert starts.min() >= 0
    assert starts.max() + runs.max() + words * planes <= 2 * layout.image_pitch
    spread = runs[:, None] + np.arange(words * planes)
    taps = offsets[:, None] + np.arange(layout.words * planes)
    assert spread.reshape(-1).tolist() == taps.reshape(-1).tolist()


@pytest.mark.parametrize("border", [(0, 0, 0, 0), (1, 2, 3, 0)])
def test_positions_lie_inside_the_border(border: tuple[int, int, int, int]) -> None:
    layout = ImageLayout(65, 2, 3, 2, border)
    top, left, bottom, right = border
    marked = np.zeros(2 * layout.image_pitch, np.int64)
    marked[position_starts(layout, 2)] = 1
    places = marked.reshape(2, top + 2 + bottom, left + 3 + right, 4)
    assert places.sum() == 12
    assert places[:, top : top + 2, left : left + 3, 0].all()


def test_three_taps_of_a_row_are_one_run() -> None:
    layout = ImageLayout(64, 5, 5, 2, (1, 1, 1, 1))
    runs, words = merge_runs(tap_offsets(layout, Geometry((3, 3))), 1, 2)
    assert (runs.tolist(), words) == ([0, 14, 28], 3)
    whole, words = merge_runs(tap_offsets(layout, Geometry((3, 7))), 1, 2)
    assert (whole.tolist(), words) == ([0], 21)
    apart, words = merge_runs(tap_offsets(layout, Geometry((2, 2), dilations=(1, 2))), 1, 2)
    assert (apart.tolist(), words) == ([0, 4, 14, 18], 1)
