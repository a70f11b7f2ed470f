from __future__ import annotations

from ternary_engine.sweeps.pending import BLOCK_SECONDS, Pending
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.work import Block, Outcome

POINTS = [Point(columns={"n": n}) for n in range(3)]


def made(*trials: range, workers: int = 1) -> Pending:
    return Pending(POINTS, trials, seed=1, common_seeds=False, workers=workers)


def ran(block: Block, seconds: float) -> Outcome:
    count = len(block.trials)
    return Outcome(block, [0.5] * count, [seconds] * count)


def drained(pending: Pending, seconds: float) -> list[Block]:
    blocks = []
    for block in pending.blocks():
        blocks.append(block)
        pending.arrived(ran(block, seconds))
    return blocks


def test_every_trial_comes_once() -> None:
    blocks = drained(made(range(70), range(5, 9), range(0)), 1e-3)
    assert sorted((b.index, t) for b in blocks for t in b.trials) == [
        *((0, trial) for trial in range(70)),
        *((1, trial) for trial in range(5, 9)),
    ]


def test_points_take_turns() -> None:
    blocks = drained(made(range(50), range(50), range(50)), 1e-3)
    assert [block.index for block in blocks[:6]] == [0, 1, 2, 0, 1, 2]


def test_blocks_grow_to_half_a_second() -> None:
    sizes = [len(block.trials) for block in drained(made(range(4000)), BLOCK_SECONDS / 128)]
    assert sizes[:4] == [1, 4, 16, 64]
    assert max(sizes) == 128


def test_slow_trials_stay_single() -> None:
    assert {len(b.trials) for b in drained(made(range(9)), 2 * BLOCK_SECONDS)} == {1}


def test_the_end_is_shared() -> None:
    pending = made(range(64), workers=4)
    sizes = [len(block.trials) for block in drained(pending, 1e-6)]
    assert sizes[-4:] == [1, 1, 1, 1]


def test_lost_blocks_come_again() -> None:
    pending = made(range(3), range(2), range(0))
    blocks = pending.blocks()
    lost = [next(blocks), next(blocks), next(blocks)]
    pending.arrived(ran(lost[0], 1.0))
    blocks.close()
    assert pending.recall() == 2
    again = drained(pending, 1.0)
    assert sorted((b.index, t) for b in again for t in b.trials) == [(0, 1), (0, 2), (1, 0), (1, 1)]
    assert len(pending) == 0


def test_seeds_go_with_trials_not_with_blocks() -> None:
    def seeds(seconds: float) -> dict[tuple[int, int], int]:
        blocks = drained(made(range(20), range(20), range(0)), seconds)
        return {(b.index, t): s for b in blocks for t, s in zip(b.trials, b.seeds, strict=True)}

    assert seeds(1e-6) == seeds(1.0)
