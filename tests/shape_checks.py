"""The runtime checker behind the shapes in our signatures. Types without a shape are left to mypy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import beartype
import jaxtyping
from jaxtyping import AbstractArray


@contextmanager
def switched_off() -> Iterator[None]:
    """Leave the checks off, here and in processes begun from here."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def check(function):
    """Check the arrays that go in and out of `function` at each call."""
    hints = getattr(function, "__annotations__", {})
    shapes = {name: hint for name, hint in hints.items() if _has_shape(hint)}
    if not shapes:
        return function
    function.__annotations__ = shapes
    checked = beartype.beartype(function)
    function.__annotations__ = hints
    return checked


def _has_shape(hint) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_has_shape(argument) for argument in get_args(hint))
