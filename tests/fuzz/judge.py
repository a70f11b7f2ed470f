"""Says of one case whether its outcome is allowed: a right answer, or a clear refusal."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from ternary_engine import check, storage
from ternary_engine.converters import convert
from ternary_engine.converters.exact_integers import exact
from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.network import Network
from tests.fuzz import corpus
from tests.fuzz.cases import Case
from tests.oracles import interpreter
from tests.test_storage import same

Array = npt.NDArray[Any]
Phase = Callable[[str], None]
SAMPLES, FREE_SIZE = 2, 5
LARGEST_FEED = 1 << 20  # elements
ROUNDING = 1e-4


class FindingError(Exception):
    """An outcome that is not allowed."""


def judge(case: Case, folder: Path, phase: Phase) -> str:
    """Run a case in a folder of its own.

    Args:
        case: what to run.
        folder: holds a folder ``inside``, for the case, and what it must not touch.
        phase: called with what begins: ``ours``, ``reference``.

    Returns:
        In a few words, how it ended; one that begins with ``FOUND`` is not allowed.
    """
    path = case.write(folder / "inside")
    before = _listing(folder)
    try:
        outcome = _packed(case, path, phase) if case.is_packed else _onnx(path, phase)
    except FindingError as error:
        outcome = f"FOUND {error}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome = f"FOUND {type(error).__name__}: {error} ({place.filename}:{place.lineno})"
    if _listing(folder) != before:
        return f"FOUND files written: {_listing(folder)} instead of {before}"
    return outcome


def _listing(folder: Path) -> list[tuple[str, int]]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    return [(p.relative_to(folder).as_posix(), p.stat().st_size) for p in files]


# ---- ONNX files ----


def _onnx(path: Path, phase: Phase) -> str:
    phase("ours")
    try:
        network = convert(path)
    except TernaryEngineError as error:
        return _refused(error)
    if any("loops ran for more than" in note for note in network.notes):
        return "converted; runs for long, as the source does"
    feeds = _feeds(network)
    if feeds is None:
        return "converted; its inputs are too large, or no numbers"
    refusal = ""
    try:
        got = network.run(feeds, threads=1)
    except TernaryEngineError as error:
        got, refusal = {}, _refused(error)
    except (ValueError, TypeError) as error:
        got, refusal = {}, f"{type(error).__name__}: {error}"
    phase("reference")
    wanted = _reference(path, feeds, list(got))
    if wanted is not None and got and _difference(got, wanted):
        wanted = _reference(_exact(path), feeds, list(got)) or wanted
    if refusal:
        if wanted is not None and not refusal.startswith("refused"):
            raise FindingError(f"the source runs, the network does not: {refusal}")
        return "converted; does not run"
    if wanted is None:
        phase("interpreter")
        return _beside_interpreter(network, feeds, got)
    problem = _difference(got, wanted)
    if not problem:
        return "right"
    phase("check")
    report = check(path, feeds)
    if report.agrees and {port.name for port in network.outputs} <= {r.value for r in report.rows}:
        return "right but for ties"  # or float16, whose rounding the report knows
    wanted = _evaluated(path, feeds, list(got))
    if wanted is not None and not _difference(got, wanted):
        return "right, by ONNX's evaluator"  # float16 again, which ONNX Runtime computes in float32
    raise FindingError(f"wrong: {problem}")


def _refused(error: Exception) -> str:
    if not str(error).strip():
        raise FindingError("an error without a text")
    return f"refused: {type(error).__name__}"


def _feeds(network: Network) -> dict[str, Array] | None:
    """Random inputs; None where they would be large."""
    random = np.random.default_rng(3)
    feeds = {}
    for port in network.inputs:
        first = SAMPLES if network.batching == "free" else 1
        shape = [first if i == 0 and d is None else FREE_SIZE if d is None else d
                 for i, d in enumerate(port.shape)]  # fmt: skip
        if port.dtype not in ("bool", "float16") and np.dtype(port.dtype).kind not in "fiu":
            return None
        if np.prod([float(d) for d in shape]) > LARGEST_FEED:
            return None
        dtype = np.dtype(port.dtype)
        values = random.normal(0, 2, shape) * (30 if dtype.kind in "iu" else 1)
        with np.errstate(all="ignore"):
            feeds[port.name] = np.asarray(np.rint(values) if dtype.kind in "iu" else values).astype(
                dtype
            )
    return feeds


def _exact(path: Path) -> bytes:
    """The model with integer products that do not saturate."""
    return exact(onnx.load(path)).SerializeToString()


def _reference(
    model: Path | bytes, feeds: dict[str, Array], names: list[str]
) -> dict[str, Array] | None:
    """What ONNX Runtime makes of the same file; None where it refuses."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return dict(zip(names, session.run(names or None, feeds), strict=bool(names)))
    except Exception:  # whatever it does not like
        return None


def _evaluated(path: Path, feeds: dict[str, Array], names: list[str]) -> dict[str, Array] | None:
    """What ONNX's own evaluator makes of the file; None where it refuses."""
    try:
        with np.errstate(all="ignore"):
            return dict(zip(names, ReferenceEvaluator(str(path)).run(names, feeds), strict=True))
    except Exception:  # whatever it does not know
        return None


def _beside_interpreter(network: Network, feeds: dict[str, Array], got: dict[str, Array]) -> str:
    try:
        with np.errstate(all="ignore"):
            wanted = interpreter.run(network, feeds)
    except Exception:  # the oracle is no model of toughness
        return "converted; nothing to compare with"
    problem = _difference(got, wanted)
    if problem:
        raise FindingError(f"unlike the interpreter: {problem}")
    return "right, by the interpreter"


def _difference(got: dict[str, Array], wanted: dict[str, Array]) -> str:
    """What differs beyond float32 rounding; empty where nothing does."""
    for name, truth in wanted.items():
        ours = got[name]
        if not isinstance(truth, np.ndarray) or not isinstance(ours, np.ndarray):
            continue
        if ours.shape != truth.shape or ours.dtype != truth.dtype:
            return f"{name}: {ours.dtype} {ours.shape} instead of {truth.dtype} {truth.shape}"
        if truth.dtype.kind not in "fiub":
            if (ours != truth).any():
                return f"{name}: {ours} instead of {truth}"
            continue
        with np.errstate(all="ignore"):
            a, b = ours.astype(np.float64), truth.astype(np.float64)
            finite = np.abs(b[np.isfinite(b)]).max(initial=0.0)
            coarse = 4e-3 if truth.dtype.itemsize == 2 else ROUNDING
            near = np.isclose(a, b, rtol=coarse, atol=coarse * finite, equal_nan=True)
        if not near.all():
            first = tuple(int(i[0]) for i in np.nonzero(~near))
            return f"{name}: {int((~near).sum())} of {near.size} differ, {a[first]} for {b[first]}"
    return ""


# ---- packed files ----


def _packed(case: Case, path: Path, phase: Phase) -> str:
    phase("ours")
    try:
        network = storage.load(path)
    except TernaryEngineError as error:
        if len(str(error).splitlines()) != 1:
            raise FindingError(f"not one line: {error}") from error
        return _refused(error)
    original = path.with_name("original.tern")
    original.write_bytes(corpus.packed(case.origin))
    unchanged = same(storage.load(original), network)
    original.unlink()
    if unchanged:
        return "right: the same network"
    if case.family == "packed bytes":
        raise FindingError("a damaged file gave another network")
    feeds = _feeds(network)
    if feeds is None:
        return "loaded; its inputs are too large, or no numbers"
    try:
        got = network.run(feeds, threads=1)
    except TernaryEngineError as error:
        return f"loaded; {_refused(error)}"
    except ValueError as error:  # what a user is told whose images are too small
        if "does not fit an image" not in str(error):
            raise
        return "loaded; takes larger images"
    phase("interpreter")
    outcome = _beside_interpreter(network, feeds, got)
    if outcome.startswith("converted; nothing"):
        raise FindingError("a network that the interpreter cannot run gave an answer")
    return outcome
