"""The one decorator of all kernels, and where their machine code is cached."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numba as nb
from llvmlite import binding

_SOURCES = pathlib.Path(__file__).resolve().parent


def _user_cache() -> pathlib.Path:
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or pathlib.Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        root = pathlib.Path.home() / "Library" / "Caches"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "ternary-engine"


@functools.cache
def cache_directory() -> str:
    """Folder of the compiled kernels, named after the kernels' sources and Numba's version.

    Numba notices an edit of the file a kernel stands in, not of the files it calls into; a digest
    over all of them does. ``NUMBA_CACHE_DIR`` overrides the folder.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return os.environ["NUMBA_CACHE_DIR"]
    digest = hashlib.sha256(nb.__version__.encode())
    for source in sorted(_SOURCES.glob("*.py")):
        digest.update(source.read_bytes())
    return str(_user_cache() / digest.hexdigest()[:16])


@contextlib.contextmanager
def _numba_cache(directory: str) -> Iterator[None]:
    settings: Any = nb.config  # its fields are made at run time
    before = settings.CACHE_DIR
    settings.CACHE_DIR = directory
    try:
        yield
    finally:
        settings.CACHE_DIR = before


def features() -> frozenset[str]:
    """Names, as LLVM gives them, of features of the processor that Numba compiles for.

    All of the processor at hand; of one that ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` tell
    of, those that kernels are chosen by.
    """
    settings: Any = nb.config  # its fields are made at run time
    found = _features(settings.CPU_NAME, settings.CPU_FEATURES)
    if settings.CPU_FEATURES is None and not settings.ENABLE_AVX:
        return frozenset(one for one in found if not one.startswith("avx"))
    return found


@functools.cache
def _features(name: str | None, told: str | None) -> frozenset[str]:
    llvm: Any = binding
    if told is None:  # Numba takes the features of the host, whatever the name
        return frozenset(one for one, has in llvm.get_host_cpu_features().items() if has)
    # LLVM does not list the features of a name; the instructions that it chooses give them away.
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=name or llvm.get_host_cpu_name(), features=told, opt=3
    )
    assembly = machine.emit_assembly(llvm.parse_assembly(_PROBE))
    return frozenset(one for one, sign in _SIGNS.items() if re.search(sign, assembly))


_SIGNS = {
    "avx2": r"vpaddb\s.*(ymm|zmm)",
    "avx512bw": r"vpaddb\s.*zmm",
    "avx512vpopcntdq": r"vpopcntq\s.*zmm",
}
_PROBE = """
declare <8 x i64> @llvm.ctpop.v8i64(<8 x i64>)
define void @probe(ptr %at, ptr %bytes) {
  %word = load <8 x i64>, ptr %at
  %counts = call <8 x i64> @llvm.ctpop.v8i64(<8 x i64> %word)
  store <8 x i64> %counts, ptr %at
  %one = load <64 x i8>, ptr %bytes
  %two = add <64 x i8> %one, %one
  store <64 x i8> %two, ptr %bytes
  ret void
}
"""


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function with Numba: without the GIL, cached on disk, integers unchecked."""
    try:
        with _numba_cache(cache_directory()):
            return nb.njit(cache=True, nogil=True, boundscheck=False)(function)
    except (RuntimeError, OSError):  # no folder to write to: compile in every process instead
        return nb.njit(nogil=True, boundscheck=False)(function)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a building block of kernels; LLVM always inlines it into its callers."""
    return nb.njit(nogil=True, boundscheck=False, forceinline=True)(function)


def entry_point(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """What a kernel calls for arguments of these types, once it has been compiled for them.

    Numba looks at the type of every argument on every call; a caller that repeats the same
    arguments can go without. Other functions, and kernels with the JIT off, are given back.
    """
    overloads = getattr(function, "overloads", None)
    if overloads is None:
        return function
    kernel: Any = function
    types = tuple(kernel.typeof_pyval(argument) for argument in arguments)
    compiled = overloads.get(types)
    return function if compiled is None else compiled.entry_point
