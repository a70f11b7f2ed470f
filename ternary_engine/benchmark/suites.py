"""Every case of the benchmark by suite, set up when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ternary_engine.benchmark.cases import Case

__all__ = ["DEFAULT", "SUITES", "Setup", "setups"]

SUITES = {
    "product": "matrix products on packed planes",
    "convolution": "3 x 3 ternary convolutions of ResNet shapes",
    "vgg": "the VGG of the ternary papers, 128, 32 and 16 filters",
    "zoo": "the networks that ship",
    "start": "starting, loading, converting, memory",
}
DEFAULT = tuple(SUITES)

Setup = tuple[str, "Callable[[], Case]"]  # what it is, and the function that sets it up


def setups(
    suites: Sequence[str],
    networks: Sequence[str] = (),
    batches: Sequence[int | None] = (1, None),
    threads: int = 1,
) -> Iterator[Setup]:
    """Give the cases of some suites.

    Args:
        suites: names in `SUITES`; "start" has no cases, see `startup`.
        networks: of the zoo, for the suite "zoo"; empty for all.
        batches: for the suite "zoo"; None is all of a network's data.
        threads: for the suite "zoo".
    """
    from ternary_engine import zoo
    from ternary_engine.benchmark import networks as whole
    from ternary_engine.benchmark import products

    setup: Callable[[], Case]
    if "product" in suites:
        for size in products.SHAPES:
            shape = products.Shape(*size)
            for kind in products.PRODUCTS:
                yield f"{kind} {shape}", partial(products.product_case, kind, shape)
    if "convolution" in suites:
        for width, channels in products.CONVOLUTIONS:
            setup = partial(products.convolution_case, width, channels)
            yield f"convolution {width}x{width}x{channels}", setup
    if "vgg" in suites:
        for filters, batch, used in whole.VGG_SETTINGS:
            name = f"VGG f={filters}, batch {batch}, threads {used}"
            yield name, partial(whole.vgg_case, filters, batch, used)
    if "zoo" in suites:
        for network in networks or zoo.names():
            for count in batches:
                setup = partial(whole.zoo_case, network, count, threads)
                yield f"{network}, batch {count or 'all'}", setup
