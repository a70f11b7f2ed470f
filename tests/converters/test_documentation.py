"""docs/import.md says what the program does."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from ternary_engine.converters import conversion, lower
from tests.converters import spellings


def test_the_table_is_the_programs() -> None:
    assert conversion.convert  # its import registers the dialects
    text = spellings.PAGE.read_text()
    assert text == spellings.page(text), "run python -m tests.converters.spellings"


def test_every_lowered_operator_is_listed() -> None:
    text = spellings.PAGE.read_text()
    missing = {op for _, op in lower._REGISTRY if op not in text}
    assert not missing


@pytest.mark.parametrize("one", spellings.SPELLINGS, ids=lambda one: one.what)
def test_named_tests_exist(one: spellings.Spelling) -> None:
    file, function = one.tested.split("::")
    assert f"def {function}(" in (Path(__file__).parent / file).read_text()
    assert onnx.defs.onnx_opset_version() >= one.opset
