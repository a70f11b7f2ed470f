"""Matrix products on packed planes, one thread."""

from __future__ import annotations

import pytest

from bench import products


@pytest.mark.parametrize("size", products.SHAPES)
@pytest.mark.parametrize("product", products.PRODUCTS)
def bench_product(product, size, compare):
    row = compare(products.case(product, products.Shape(*size)))
    assert row["ratios"]["onnxruntime float32"] > 1
