"""Trials that are still to run, cut into blocks of about half a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from ternary_engine.sweeps.identity import run_seed
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.work import Block, Outcome

__all__ = ["Pending"]

BLOCK_SECONDS = 0.5  # long beside the few milliseconds of a dispatch, short to lose
_GROWTH = 4


class Pending:
    """Trials by point; blocks are taken from the points in turn, so that all fill up evenly.

    The first block of a point is one trial; later ones grow until they take half a second.

    Args:
        points: of the sweep.
        trials: numbers of the trials to run, for each point.
        seed: of the sweep.
        common_seeds: whether trial i has the same seed at every point.
        workers: how many share the trials, as far as that is known.
    """

    def __init__(
        self,
        points: Sequence[Point],
        trials: Sequence[Sequence[int]],
        *,
        seed: int,
        common_seeds: bool,
        workers: int = 1,
    ) -> None:
        self._points = points
        self._seed = seed
        self._common = common_seeds
        self._waiting = {index: deque(part) for index, part in enumerate(trials) if part}
        self._turn = deque(self._waiting)
        self._flying: set[Block] = set()
        self._size = dict.fromkeys(self._waiting, 1)
        self._left = sum(map(len, trials))
        self._workers = workers

    def __len__(self) -> int:
        """Trials that have not come back."""
        return self._left

    def blocks(self) -> Iterator[Block]:
        """Take blocks until none is left; sizes are settled when they are taken."""
        while self._turn:
            index = self._turn.popleft()
            waiting = self._waiting[index]
            fair = -(-sum(map(len, self._waiting.values())) // (2 * self._workers))
            size = max(1, min(self._size[index], len(waiting), fair))
            trials = tuple(waiting.popleft() for _ in range(size))
            if waiting:
                self._turn.append(index)
            point = self._points[index]
            shared = None if self._common else point
            seeds = tuple(run_seed(self._seed, shared, trial) for trial in trials)
            block = Block(index, point, trials, seeds)
            self._flying.add(block)
            yield block

    def arrived(self, outcome: Outcome) -> None:
        """Take note of a block that came back, and of its speed."""
        block, seconds = outcome.block, outcome.seconds
        self._flying.discard(block)
        self._left -= len(block.trials)
        if seconds:
            fitting = int(BLOCK_SECONDS * len(seconds) / max(sum(seconds), 1e-9))
            self._size[block.index] = max(1, min(fitting, _GROWTH * len(block.trials)))

    def recall(self) -> int:
        """Put back what was in flight when its workers died; how many trials that is."""
        lost = sum(len(block.trials) for block in self._flying)
        for block in self._flying:
            if not self._waiting[block.index]:
                self._turn.append(block.index)
            self._waiting[block.index].extendleft(reversed(block.trials))
        self._flying.clear()
        return lost
