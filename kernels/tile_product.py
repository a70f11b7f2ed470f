"""Crossbar layers on matrix tiles: windows spread out to bytes, then int8 products.

The codes of 32 windows are spread out to bytes ([window][input], in the first cache), which every
pair of panels then meets as tiles; their weights stream by from the second cache. Sums are exact.
A window's inputs lie densely: taps one behind the other, each as long as it has channels.

The tile unit works on its own, so that thresholds of the step before are compared meanwhile.
"""

from __future__ import annotations

from ternary_engine.kernels.bytes import (
    copy_int32,
    element,
    int32_at_least,
    load_some,
    permute_bytes,
    prefetch_far,
    prefetch_to_write,
    spread_two,
    store_bits,
    store_bytes,
    transpose_bits,
)
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.epilogue import STORE, TERNARY
from ternary_engine.kernels.simd import load, splat, spread
from ternary_engine.kernels.tile_layout import ROWS, SHARED
from ternary_engine.kernels.tiles import (
    begin_tiles,
    end_tiles,
    load_tile,
    multiply_tiles,
    store_tile,
    stream_tile,
)


@inline
def _as_bytes(a, i, planes, indices, keep, turn):
    """The 64 codes whose planes start at ``i``."""
    if planes == 2:
        word = spread_two(a, i)
    elif planes == 1:
        word = spread(a, i)
    else:
        word = load_some(a, i, planes)
    return (transpose_bits(permute_bytes(word, indices)) & keep) ^ turn


@inline
def _spread_out(a, starts, first, last, sources, places, step, end, shift, pitch, form, rows):
    """Codes of the windows ``first`` to ``last`` as bytes."""
    indices, keep, turn, planes = load(form, 0), splat(form[8]), splat(form[9]), form[10]
    for p in range(first, last):
        start = element(starts, p)
        row = (p - first) * pitch + shift
        for s in range(step, end):
            word = _as_bytes(a, start + element(sources, s), planes, indices, keep, turn)
            store_bytes(rows, row + element(places, s), word)


@inline
def _spread_column(a, starts, first, last, source, place, pitch, form, rows):
    """One word of codes of the windows ``first`` to ``last`` as bytes."""
    indices, keep, turn, planes = load(form, 0), splat(form[8]), splat(form[9]), form[10]
    for p in range(first, last):
        word = _as_bytes(a, element(starts, p) + source, planes, indices, keep, turn)
        store_bytes(rows, place, word)
        place += pitch


@inline
def _load_sums(part, at):
    """Tiles 0 to 3, one behind the other."""
    load_tile(0, part, at, 64)
    load_tile(1, part, at + 256, 64)
    load_tile(2, part, at + 512, 64)
    load_tile(3, part, at + 768, 64)


@inline
def _store_sums(part, at):
    """Tiles 0 to 3, one behind the other."""
    store_tile(0, part, at, 64)
    store_tile(1, part, at + 256, 64)
    store_tile(2, part, at + 512, 64)
    store_tile(3, part, at + 768, 64)


@inline
def _same(classes, first, last):
    """Whether windows ``first`` to ``last`` are of one class."""
    differ = 0
    for p in range(first + 1, last):
        differ |= element(classes, p) ^ element(classes, first)
    return differ == 0


@inline
def _first_sums(classes, same, base, first, last, pair, width, part, room):
    """Load tiles 0 to 3 with what the sums start from."""
    at = pair * 32
    if same:
        at += element(classes, first) * width
        load_tile(0, base, at, 0)
        load_tile(1, base, at + 16, 0)
        load_tile(2, base, at, 0)
        load_tile(3, base, at + 16, 0)
    else:
        for q in range(last - first):
            to = room + (q & 15) * 16 + (q >> 4) * 512
            copy_int32(base, element(classes, first + q) * width + at, part, to)
            copy_int32(base, element(classes, first + q) * width + at + 16, part, to + 256)
        _load_sums(part, room)


@inline
def _finish(part, at, p, first, last, pair, panels, mode, thresholds, targets, codes, sums):
    """Finish the sums of windows ``p + first`` to ``p + last`` and a pair of panels."""
    for q in range(first, last):
        i = at + (q & 15) * 16 + (q >> 4) * 512
        place = targets[p + q]
        if mode == STORE:
            copy_int32(part, i, sums, place + pair * 32)
            if pair * 2 + 1 < panels:
                copy_int32(part, i + 256, sums, place + pair * 32 + 16)
        elif mode == TERNARY:
            t = pair * 64
            negative = ~int32_at_least(part, i, thresholds, t)
            positive = int32_at_least(part, i, thresholds, t + 32)
            place += (pair >> 1) * 8 + (pair & 1) * 2
            store_bits(codes, place, negative | positive)
            store_bits(codes, place + 4, negative)
        else:
            positive = int32_at_least(part, i, thresholds, pair * 32)
            store_bits(codes, place + pair * 2, ~positive)


@kernel
def convolve_tiles(
    a,
    w,
    starts,
    form,
    sources,
    places,
    blocks,
    classes,
    base,
    panels,
    mode,
    thresholds,
    targets,
    codes,
    sums,
    rows,
    part,
):
    """Sums of int8 weights with codes of any kind, of at most eight planes.

    Args:
        a: codes, uint64. w: weights, int8, `tile_layout.pack_tiles`.
        starts, targets: int64 [windows], where a window starts in ``a`` and its result lies;
            sums lie ``panels * 16`` apart.
        form: uint64 [11], how planes become bytes, `tile_layout.byte_form`.
        sources, places: int64 [steps], word of a window and where its bytes go; ascending places.
        blocks: int64 [blocks, 4], first and last word of inputs, first and last step.
        classes: int32 [windows]. base: int32, flat [class][pairs * 32], what sums start from.
        panels: panels of sixteen outputs. mode: STORE, TERNARY or BINARY of `epilogue`.
        thresholds: int32, flat [pair][threshold][32]. codes: uint16. sums: int32.
        rows, part: int8 and int32, room as `tile_layout.room_for` says.
    """
    pairs = (panels + 1) >> 1
    width = pairs * 32
    count = blocks.shape[0]
    widest = 0
    for block in range(count):
        widest = max(widest, blocks[block, 1] - blocks[block, 0])
    pitch = widest * 64 + 64
    dense = (
        sources.size == blocks[count - 1, 1] and places[sources.size - 1] == (sources.size - 1) * 64
    )
    begin_tiles()
    at, before, before_pair, done, to_do = 0, 0, 0, 0, 0  # the step whose sums are to be finished
    for first in range(0, starts.size, SHARED):
        last = min(first + SHARED, starts.size)
        for block in range(count):
            edge, words = blocks[block, 0], blocks[block, 1] - blocks[block, 0]
            late = min(3, words - 1)  # when the sums have left for memory
            each = -(-ROWS // (words - late)) if block + 1 == count else 0
            ahead = blocks[(block + 1) % count, 0] * width * 64
            for p in range(first, last, ROWS):
                end = min(p + ROWS, last)
                if not dense or (block == 0 and p == 0):
                    _spread_out(
                        a,
                        starts,
                        p,
                        end,
                        sources,
                        places,
                        blocks[block, 2],
                        blocks[block, 3],
                        64 - edge * 64,
                        pitch,
                        form,
                        rows,
                    )
                n, n_end, n_block = p + ROWS, last, block
                if n >= last:
                    n, n_block = first, block + 1
                    if n_block == count:
                        n, n_end, n_block = last, min(last + SHARED, starts.size), 0
                n_end = min(n + ROWS, n_end)
                n_edge, n_words = blocks[n_block, 0], blocks[n_block, 1] - blocks[n_block, 0]
                if not dense:
                    n_words = 0
                wi = edge * width * 64
                same = _same(classes, p, end)
                for pair in range(pairs):
                    kept = (((p - first) >> 5) * pairs + pair + 2) * 1024
                    if block == 0:
                        _first_sums(classes, same, base, p, end, pair, width, part, at ^ 1024)
                    else:
                        _load_sums(part, kept)
                    for k in range(words):
                        load_tile(4, rows, 64 + k * 64, pitch)
                        stream_tile(6, w, wi, 64)
                        load_tile(5, rows, 64 + k * 64 + 16 * pitch, pitch)
                        stream_tile(7, w, wi + 1024, 64)
                        multiply_tiles(0, 4, 6)
                        multiply_tiles(1, 4, 7)
                        multiply_tiles(2, 5, 6)
                        multiply_tiles(3, 5, 7)
                        wi += 2048
                        if count > 1:
                            for line in range(4):
                                prefetch_far(w, ahead + line * 64)
                                prefetch_to_write(part, kept + 1024 + k * 64 + line * 16)
                            ahead += 256
                        if k >= late:
                            until = min(done + each, to_do)
                            _finish(
                                part,
                                at,
                                before,
                                done,
                                until,
                                before_pair,
                                panels,
                                mode,
                                thresholds,
                                targets,
                                codes,
                                sums,
                            )
                            done = max(done, until)
                        if pair + 1 == pairs and k < n_words:
                            _spread_column(
                                a,
                                starts,
                                n,
                                n_end,
                                element(sources, n_edge + k),
                                64 + k * 64,
                                pitch,
                                form,
                                rows,
                            )
                    if block + 1 < count:
                        _store_sums(part, kept)
                    elif mode == STORE and end - p == ROWS and pair * 2 + 1 < panels:
                        place = targets[p] + pair * 32
                        store_tile(0, sums, place, panels * 64)
                        store_tile(1, sums, place + 16, panels * 64)
                        place += panels * 256
                        store_tile(2, sums, place, panels * 64)
                        store_tile(3, sums, place + 16, panels * 64)
                    else:
                        at ^= 1024
                        _store_sums(part, at)
                        before, before_pair, done, to_do = p, pair, 0, end - p
                for k in range(words, n_words):
                    _spread_column(
                        a,
                        starts,
                        n,
                        n_end,
                        element(sources, n_edge + k),
                        64 + k * 64,
                        pitch,
                        form,
                        rows,
                    )
    _finish(
        part, at, before, done, to_do, before_pair, panels, mode, thresholds, targets, codes, sums
    )
    end_tiles()
