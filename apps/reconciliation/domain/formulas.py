"""Formulas of whole numbers that anybody can work out again: names, +, −, ×, ``max``, ``min`` and ``highest``.

A name stands for a number, or for one number a day; then the formula is worked out day by day, and ``highest`` is the
largest of the days.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

Value = int | tuple[int, ...]

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "max": lambda *values: reduce(np.maximum, values),
    "min": lambda *values: reduce(np.minimum, values),
    "highest": np.max,
}


def evaluate(formula: str, inputs: Mapping[str, Value]) -> Value:
    """What a formula comes to, a number or one a day.

    Raises:
        KeyError: a name has no value.
        ValueError: it is no such formula.
    """
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError:
        raise ValueError(f"{formula!r} is no formula") from None
    value = np.asarray(_value(tree.body, inputs), np.int64)
    return tuple(value.tolist()) if value.ndim else int(value)


def names_in(formula: str) -> list[str]:
    """The names of a formula, in the order in which they stand there."""
    found = [node for node in ast.walk(ast.parse(formula, mode="eval")) if isinstance(node, ast.Name)]
    in_order = sorted(found, key=lambda node: node.col_offset)
    return list(dict.fromkeys(node.id for node in in_order if node.id not in _FUNCTIONS))


def _value(node: ast.expr, inputs: Mapping[str, Value]) -> Any:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return np.asarray(inputs[name], np.int64)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left, inputs), _value(right, inputs))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument, inputs) for argument in arguments))
    raise ValueError(f"{ast.unparse(node)!r} is no formula")
