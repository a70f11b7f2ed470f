"""Blocks of trials on joblib: threads, processes, or a cluster of Dask; or on Ray."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.sweeps.pending import Pending
from ternary_engine.sweeps.results import SweepWarning
from ternary_engine.sweeps.work import Cargo, Outcome, run_block

__all__ = ["Backend", "Crew", "dispatch"]

Backend = Literal["threads", "processes", "dask", "ray"]
Stream = Callable[[Pending], Iterator[Outcome]]

_JOBLIB = {"threads": "threading", "processes": "loky", "dask": "dask"}
_RETRIES = 3
_CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Crew:
    """Who runs the trials.

    Attributes:
        backend: ``"threads"`` or ``"processes"`` of this machine; ``"dask"`` or ``"ray"`` for the
            cluster that this process is connected to.
        workers: how many; None for every processor, or all of the cluster.
        scheduler: address of a Dask scheduler to connect to; None for the current client.
    """

    backend: Backend = "threads"
    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.backend not in get_args(Backend):
            known = ", ".join(get_args(Backend))
            raise ValueError(f"backend: got {self.backend!r}; it takes one of {known}")
        if self.workers is not None and (
            isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 1
        ):
            raise ValueError(f"workers: got {self.workers!r}; it takes 1 or more")
        if self.scheduler is not None and self.backend != "dask":
            raise ValueError("scheduler: an address of Dask; it goes with backend 'dask'")

    @property
    def local(self) -> bool:
        """Whether all runs on this machine."""
        return self.backend in ("threads", "processes")

    @property
    def size(self) -> int:
        """Workers, as far as this process can know."""
        import joblib

        return self.workers or int(joblib.cpu_count())


def dispatch(cargo: Cargo, pending: Pending, crew: Crew) -> Generator[Outcome]:
    """Run all that is pending; blocks come back in any order.

    A block whose worker died is run again.

    Raises:
        TernaryEngineError: workers died several times without a block between, or the cluster
            cannot be reached.
    """
    if crew.local and crew.size == 1:
        for block in pending.blocks():
            yield _arrived(run_block(cargo.settings, block, *_arrays(cargo)), pending)
        return
    failures = 0
    with _connected(crew, cargo) as stream:
        while len(pending):
            try:
                for outcome in stream(pending):
                    failures = 0
                    yield _arrived(outcome, pending)
                lost = pending.recall()
            except Exception as error:
                lost, failures = pending.recall(), failures + 1
                if failures > _RETRIES:
                    raise TernaryEngineError(
                        f"workers died {failures} times in a row "
                        f"({type(error).__name__}: {_first_line(error)})"
                    ) from error
            if lost:
                message = f"a worker died; {lost} trials that were in flight run again"
                warnings.warn(message, SweepWarning, stacklevel=2)


def _arrived(outcome: Outcome, pending: Pending) -> Outcome:
    pending.arrived(outcome)
    return outcome


def _arrays(cargo: Cargo) -> tuple[Any, ...]:
    return cargo.packed, cargo.labels, *cargo.arrays


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def _stream(cargo: Cargo, settings: dict[str, Any], pending: Pending) -> Iterator[Outcome]:
    """Outcomes as joblib hands them back."""
    import joblib

    with joblib.parallel_config(**settings):
        crew = joblib.Parallel(
            return_as="generator_unordered", batch_size=1, pre_dispatch="2 * n_jobs"
        )
        call = joblib.delayed(run_block)
        outcomes = crew(call(cargo.settings, block, *_arrays(cargo)) for block in pending.blocks())
    try:
        for outcome in outcomes:  # noqa: UP028 - `yield from` would pass on the close below
            yield outcome
    finally:
        with warnings.catch_warnings():  # joblib warns of whoever leaves early, as Ctrl-C does
            warnings.simplefilter("ignore")
            outcomes.close()


@contextlib.contextmanager
def _connected(crew: Crew, cargo: Cargo) -> Iterator[Stream]:
    """What runs blocks, with a cluster ready to take work."""
    if crew.backend == "ray":
        # Ray's backend for joblib hands results back all at once, at the very end.
        from ternary_engine.sweeps.on_ray import ray_stream

        with ray_stream(cargo.settings, _arrays(cargo), crew.workers) as stream:
            yield stream
        return
    settings: dict[str, Any] = {"backend": _JOBLIB[crew.backend], "n_jobs": crew.size}
    if crew.local:
        yield functools.partial(_stream, cargo, settings)
        return
    with _dask_client(crew.scheduler) as client:
        # Scattered, the network and the data go to each worker once.
        settings |= {"n_jobs": crew.workers or -1, "client": client}
        yield functools.partial(_stream, cargo, settings | {"scatter": list(_arrays(cargo))})


@contextlib.contextmanager
def _dask_client(scheduler: str | None) -> Iterator[Any]:
    try:
        from distributed import Client, get_client
    except ImportError as error:
        raise TernaryEngineError(
            "backend 'dask' needs Dask: pip install 'ternary-engine[cluster]'"
        ) from error
    with contextlib.ExitStack() as stack:
        try:
            if scheduler is None:
                client = get_client()
            else:
                made: Any = Client(  # type: ignore[no-untyped-call]
                    scheduler, timeout=_CONNECT_SECONDS, set_as_default=False
                )
                client = stack.enter_context(made)
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except ValueError as error:
            raise TernaryEngineError(
                "backend 'dask': this process has no Dask client; make one with "
                "dask.distributed.Client(ADDRESS), or give the scheduler's address"
            ) from error
        except (OSError, TimeoutError) as error:
            where = f"at {scheduler}" if scheduler else "that has workers"
            raise TernaryEngineError(
                f"no Dask scheduler {where} within {_CONNECT_SECONDS} s: {_first_line(error)}"
            ) from error
        yield client
