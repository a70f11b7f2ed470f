"""ONNX's own backend test suite, run against ours, and what is known of its outcome.

``python -m tests.conformance.suite`` runs all of it and writes ``outcome.json`` and docs/import.md.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import tempfile
import unittest
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
from onnx.backend.test import BackendTest, runner
from onnx.backend.test.case import node as node_cases
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

import ternary_engine as te

OUTCOME = Path(__file__).with_name("outcome.json")
PAGE = Path(__file__).parents[2] / "docs" / "import.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"

# Cases that are not expected to be right: pattern of the name, and why.
EXCLUDED = {
    "sequences, optionals and maps as inputs or outputs are refused": r"""
        test_(identity_(opt|sequence)|if_(opt|seq)|loop1[36]_seq.*
        |optional_has_element_(?!empty_no_input).*|optional_get_element_(optional_.*|sequence)
        |sequence_(insert_at_(back|front)|map_.*)|split_to_sequence.*)""",
    "operators of training and preview domains are refused": r"""
        test_(adagrad.*|adam.*|momentum.*|nesterov_momentum|gradient_of_.*
        |flexattention.*(?<!_expanded_ver26))""",
    "random outputs: nothing to compare": r"""
        test_(bernoulli.*|training_dropout(_default|_mask|_default_mask)?)""",
    "ONNX Runtime has no kernel: refused": r"""
        test_(image_decoder_.*|cast(like)?_.*FLOAT4E2M1.*|(de)?quantizelinear_float4e2m1
        |(max|min)_u?int16|pow_types_float32_uint(32|64)|swiglu(_alpha|_float16)?|top_k_uint64
        |bitcast_bool_to_uint8|(gru|lstm|simple_rnn)_batchwise)""",
    "ONNX Runtime asks for a locale, which many machines lack": r"""
        test_strnorm.*_monday_.*(?<!nochangecase)""",
    "ONNX Runtime stops with an error": r"""
        test_(attention_4d_(causal_)?padded_kv_bf16|attention_4d_diff_heads_mask4d_padded_kv
        |convinteger_with_padding|reduce_max_empty_set_bool)""",
    "ONNX Runtime gives another answer": r"""
        test_(dft(_axis|_inverse|_irfft|_rfft)?(_opset19)?|stft(_with_window)?
        |maxunpool_export_with_output_shape|resize_downsample_scales_(cubic|linear)_align_corners
        |attention_4d_causal_fp16
        |attention_4d_with_past_and_present_qk_matmul_bias_[34]d_mask_causal)""",
}
_PATTERNS = {
    reason: re.compile(f"({re.sub(chr(10) + ' *', '', pattern).strip()})_cpu")
    for reason, pattern in EXCLUDED.items()
}


def reason_against(name: str) -> str:
    """Why a case is not expected to be right; empty if it is."""
    return next((why for why, pattern in _PATTERNS.items() if pattern.fullmatch(name)), "")


@contextmanager
def quietly() -> Iterator[None]:
    """The suite's own data overflow, divide by zero and use what is deprecated."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


class Part(BackendTest):
    """The node cases of some operators only: all of them take half a minute to make."""

    def __init__(self, backend: Any, cases: Iterable[TestCase]) -> None:
        self.backend = backend
        self._parent_module = None
        self._include_patterns, self._exclude_patterns = set(), set()
        self._xfail_patterns, self._test_kwargs = set(), {}
        self._test_items = defaultdict(dict)
        for case in cases:
            self._add_model_test(case, "Node")


def cases_of(*modules: str) -> list[TestCase]:
    """Node cases that modules of the suite make, in a stable order."""
    with quietly():
        for module in modules:
            importlib.import_module(f"{node_cases.__name__}.{module}")
    wanted = {module.replace("_", "") for module in modules}
    return sorted(
        (c for c in node_cases._NodeTestCases if _module_of(c) in wanted), key=lambda c: c.name
    )


def _module_of(case: TestCase) -> str:
    nodes = case.model.graph.node
    return nodes[0].op_type.lower() if len(nodes) == 1 else ""


def run(tests: BackendTest) -> dict[str, dict[str, str]]:
    """Run a suite; by category and name, an empty string for right and the trouble for wrong."""
    found: dict[str, dict[str, str]] = {}
    for category, case in tests.test_cases.items():
        names = [n for n in vars(case) if n.startswith("test_") and n.endswith("_cpu")]
        found[_words(category)] = {name: _run_one(case, name) for name in sorted(names)}
    return found


def _words(category: str) -> str:
    return category.removeprefix("OnnxBackend").removesuffix("ModelTest")


def _run_one(case: type[unittest.TestCase], name: str) -> str:
    result = unittest.TestResult()
    with quietly():
        case(name).run(result)
    trouble = [text for _, text in (*result.failures, *result.errors, *result.skipped)]
    return trouble[0].strip().splitlines()[-1] if trouble else ""


def versions() -> dict[str, str]:
    """Releases that an outcome depends on."""
    return {name: version(name) for name in ("onnx", "onnxruntime")}


def operators(tests: BackendTest, found: Mapping[str, str]) -> dict[str, list[int]]:
    """By operator, how many cases of it alone are right, and how many there are."""
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for name, item in tests._test_items["NodeModel"].items():
        model = item.proto[0]
        if name not in found or not isinstance(model, onnx.ModelProto):
            continue
        if len(model.graph.node) == 1:
            node = model.graph.node[0]
            label = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            total[label] += 1
            right[label] += not found[name]
    return {label: [right[label], total[label]] for label in sorted(total)}


def outcome(
    found: Mapping[str, Mapping[str, str]], by_operator: Mapping[str, list[int]]
) -> dict[str, Any]:
    """What is pinned."""
    excluded = Counter(
        reason_against(name) for cases in found.values() for name in cases if reason_against(name)
    )
    return {
        "versions": versions(),
        "right": {c: sum(not reason_against(n) for n in cases) for c, cases in found.items()},
        "total": {c: len(cases) for c, cases in found.items()},
        "excluded": dict(sorted(excluded.items())),
        "operators": dict(by_operator),
    }


def paragraph(pinned: Mapping[str, Any]) -> str:
    """What docs/import.md says of it."""
    right, total = (sum(pinned[key].values()) for key in ("right", "total"))
    releases = ", ".join(f"{name} {number}" for name, number in pinned["versions"].items())
    lines = [
        f"| cases of ONNX's backend suite ({releases}) | right | of |",
        "|---|---|---|",
        *(f"| {c} | {n:,} | {pinned['total'][c]:,} |" for c, n in pinned["right"].items()),
        f"| all | {right:,} | {total:,} |",
        "",
        "| the others, by name in `tests/conformance/suite.py` | cases |",
        "|---|---|",
        *(f"| {reason} | {count} |" for reason, count in pinned["excluded"].items()),
        "",
    ]
    complete = [op for op, (good, every) in pinned["operators"].items() if good == every]
    partly = [
        f"{op} ({good} of {every})"
        for op, (good, every) in pinned["operators"].items()
        if 0 < good < every
    ]
    lines += [
        f"{len(complete)} operators with every case right: {', '.join(complete)}.",
        "",
        f"In part: {', '.join(partly)}.",
    ]
    return "\n".join(lines)


def page_with(pinned: Mapping[str, Any]) -> str:
    """docs/import.md with a fresh paragraph."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    return f"{before}{BEGIN}\n{paragraph(pinned)}\n{after}"


def half(which: str, folder: str) -> tuple[dict[str, dict[str, str]], dict[str, list[int]]]:
    """Run the node cases or all others: outcome by category and name, and by operator.

    Args:
        which: "node" or "models".
        folder: where the suite may write.
    """
    os.environ["ONNX_HOME"] = folder
    with quietly():
        if which == "node":
            tests: BackendTest = Part(te.backend, load_model_tests(kind="node"))
        else:
            with mock.patch.object(runner, "load_model_tests", _all_but_nodes):
                tests = BackendTest(te.backend)
    found = run(tests)
    return found, operators(tests, found["Node"]) if which == "node" else {}


def _all_but_nodes(kind: str) -> list[TestCase]:
    return [] if kind == "node" else load_model_tests(kind=kind)


def everything() -> tuple[dict[str, dict[str, str]], dict[str, Any]]:
    """Run the whole suite on two processes: trouble by category and name, and what to pin."""
    halves = ("node", "models")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool,
    ):
        (nodes, by_operator), (models, _) = pool.map(half, halves, [folder] * len(halves))
    found = {**nodes, **models}
    return found, outcome(found, by_operator)


def surprises(found: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Cases that are wrong and should not be."""
    return {
        name: trouble
        for cases in found.values()
        for name, trouble in cases.items()
        if trouble and not reason_against(name)
    }


def main() -> None:
    """Run everything and pin the outcome."""
    found, pinned = everything()
    for name, trouble in surprises(found).items():
        print(name, trouble)
    for cases in found.values():
        for name, trouble in cases.items():
            if reason_against(name) and not trouble:
                print(name, "is right, and excluded:", reason_against(name))
    OUTCOME.write_text(json.dumps(pinned, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page_with(pinned), encoding="utf-8")


if __name__ == "__main__":
    main()
