"""The runtime checker behind the shapes in our signatures. Types without a shape are left to mypy."""

from typing import get_args

import beartype
from jaxtyping import AbstractArray


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
