"""The one decorator of all kernels, and where their machine code is cached."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numba as nb

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
