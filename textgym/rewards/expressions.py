r"""Rewards as text: ``0.7*sentiment + 0.3*(length(target=20) - repetition).clip(-1, 1).normalize()``.

The language is a small part of Python's. It is read, never run: `eval` is nowhere near, and what is not on
this list is an error that points at its column.

    reward     a registered name, alone or with options: sentiment, distinct_n(n=2), regex(pattern='\\d+')
    operators  + - * between rewards and numbers, division by a number, brackets
    methods    .clip(low, high) .normalize() .gate(reward, threshold)
    forms      ensemble(reward, reward, …, how='min'), dense(reward), per_token(reward),
               function('module:attribute', name=…, range=(low, high))
    options    numbers, texts, True, False, None, inf, and tuples or lists of them

`function` imports the module that it names, as `gym.make("module:Id-v0")` does: what it can reach is what
lies on the Python path.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from textgym.errors import RewardError, TextGymError, suggest

from . import functions, registry
from .base import Reward
from .dense import Dense, PerToken
from .ensemble import Ensemble

MAX_CHARACTERS = 2000
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
STEPWISE: dict[str, type[Reward]] = {"dense": Dense, "per_token": PerToken}
METHODS = ("clip", "normalize", "gate")


def parse(source: str) -> Reward:
    """Returns the reward that an expression describes.

    Raises:
        TextGymError: If it does not; the message points at the column.
    """
    return _Parser(source).parse()


def resolve_function(path: str, **options: Any) -> Reward:
    """Returns the reward at ``"module:attribute"``: a function, a `Reward`, or a subclass to build with ``options``."""
    value = functions.load(path)
    if isinstance(value, Reward):
        return registry.whole(value, options)
    if isinstance(value, type) and issubclass(value, Reward):
        return registry.construct(value, **options)
    return registry.construct(functions.FunctionReward, value, **options)


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source.strip().replace("\n", " ")

    def parse(self) -> Reward:
        if not self.source:
            raise RewardError(f"A reward expression must not be empty. Registered: {', '.join(registry.names())}.")
        if len(self.source) > MAX_CHARACTERS:
            raise RewardError(
                f"A reward expression has at most {MAX_CHARACTERS} characters. Actual length: {len(self.source)}."
            )
        try:
            tree = ast.parse(self.source, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            column = max((getattr(error, "offset", None) or 1) - 1, 0)
            reason = getattr(error, "msg", None) or str(error) or "nested too deeply"
            raise RewardError(self.pointed(f"This reward expression does not parse: {reason}.", column)) from None
        try:
            return self.reward(tree.body)
        except RecursionError:
            raise RewardError(f"The reward expression is nested too deeply: {self.source[:60]}…") from None

    def pointed(self, message: str, column: int) -> str:
        start = max(column - 60, 0)
        return f"{message}\n  {self.source[start : start + 100]}\n  {' ' * (column - start)}^"

    def error(self, node: ast.expr, message: str, kind: type[TextGymError] = RewardError) -> TextGymError:
        offset = node.col_offset
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # at the method, not at its owner
            offset = (node.func.end_col_offset or 0) - len(node.func.attr.encode())
        column = len(self.source.encode()[:offset].decode())  # ast counts UTF-8 bytes
        return kind(self.pointed(message, column))

    def reward(self, node: ast.expr) -> Reward:
        value = self.value(node)
        if not isinstance(value, Reward):
            raise self.error(node, f"A reward is needed here, by name. Actual value: {value!r}.")
        return value

    def value(self, node: ast.expr) -> Reward | float:
        """Returns what a node of the arithmetic stands for: a reward or a number."""
        match node:
            case ast.Name(id=name):
                return self.checked(node, registry.build, name)
            case ast.Constant(value=bool() | str()):
                raise self.error(node, f"A reward or a number is needed here. Actual value: {node.value!r}.")
            case ast.Constant(value=int() | float() as number):
                return self.checked(node, float, number)
            case ast.UnaryOp(op=ast.USub()):
                return -self.value(node.operand)
            case ast.BinOp() if type(node.op) in OPERATORS:
                left, right = self.value(node.left), self.value(node.right)
                if isinstance(node.op, ast.Div) and isinstance(right, Reward):
                    raise self.error(node.right, "A reward can be divided by a number only.")
                return self.checked(node, OPERATORS[type(node.op)], left, right)
            case ast.Call(func=ast.Name(id=name)):
                return self.call(node, name)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                return self.method(node, owner, name)
            case ast.Attribute(attr=name) if name in METHODS:
                raise self.error(node, f"{name} needs brackets: .{name}(…).")
        raise self.error(
            node,
            f"{ast.unparse(node)[:60]!r} is not allowed in a reward expression. Allowed: names of rewards, numbers, "
            f"+ - * /, brackets, and the methods {', '.join(METHODS)}.",
        )

    def call(self, node: ast.Call, name: str) -> Reward:
        if name in STEPWISE:
            if not node.args:
                raise self.error(node, f"{name} needs the reward that it pays in every step: {name}(sentiment).")
            args = [self.reward(node.args[0]), *map(self.literal, node.args[1:])]
            return self.checked(node, registry.construct, STEPWISE[name], *args, **self.options(node))
        if name == "ensemble":
            members = tuple(map(self.reward, node.args))
            return self.checked(node, registry.construct, Ensemble, members, **self.options(node))
        args = [self.literal(arg) for arg in node.args]
        if name == "function":
            if len(args) != 1 or not isinstance(args[0], str):
                raise self.error(node, "function needs one text: function('module:attribute').")
            return self.checked(node, resolve_function, *args, **self.options(node))
        return self.checked(node, registry.build, name, *args, **self.options(node))

    def method(self, node: ast.Call, owner: ast.expr, name: str) -> Reward:
        if name not in METHODS:
            raise self.error(
                node, f"A reward has no method {name!r}.{suggest(name, METHODS)} It has {', '.join(METHODS)}."
            )
        target = self.reward(owner)
        args: list[Any] = []
        for i, arg in enumerate(node.args):
            args.append(self.reward(arg) if name == "gate" and i == 0 else self.literal(arg))
        options = self.options(node, rewards=("other",) if name == "gate" else ())
        return self.checked(node, registry.construct, getattr(target, name), *args, **options)

    def options(self, node: ast.Call, rewards: tuple[str, ...] = ()) -> dict[str, Any]:
        options = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error(keyword.value, "Options are written name=value; ** is not allowed.")
            read = self.reward if keyword.arg in rewards else self.literal
            options[keyword.arg] = read(keyword.value)
        return options

    def literal(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str()):
                return node.value
            case ast.Name(id="inf"):
                return math.inf
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float()) | ast.Name(id="inf")):
                return -self.literal(node.operand)
            case ast.Tuple() | ast.List():
                return tuple(self.literal(item) for item in node.elts)
        raise self.error(
            node, f"An option is a number, a text, True, False or None. Actual value: {ast.unparse(node)}."
        )

    def checked(self, node: ast.expr, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Calls ``function``; an error of its own is told with the column of ``node``."""
        try:
            return function(*args, **options)
        except TextGymError as error:
            raise self.error(node, str(error), type(error)) from error
        except ArithmeticError as error:
            raise self.error(node, f"{ast.unparse(node)[:60]} cannot be computed: {error}.") from error
