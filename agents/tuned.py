"""Hyperparameters that were tuned for an environment: YAML files in the form of rl-zoo's, one an algorithm."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from textgym.errors import OptionError, suggest
from textgym.evaluation.files import write_text

from . import algorithms

FOLDER = Path(__file__).parent / "hyperparams"

DEFAULT = "default"
"""The entry of rl-zoo's files for every environment that has none of its own."""

POLICY = "TransformerPolicy"

HEADER = "# Hyperparameters in the form of rl-zoo's files; see textgym.agents.tuned."
"""First line of a file that `write` makes."""

_COUNTS = ("n_timesteps", "n_envs")
_ABSENT = ("frame_stack", "env_wrapper", "vec_env_wrapper", "callback", "monitor_kwargs")
"""What rl-zoo does around an environment or a run, and the algorithms of this package do not."""


def tuned(algorithm: str, env_id: str, path: str | Path | None = None) -> dict[str, Any]:
    """Returns the tuned hyperparameters of an algorithm on an environment; empty where none were tuned.

    A file maps ids, or ``default``, to hyperparameters, as `rl-baselines3-zoo
    <https://github.com/DLR-RM/rl-baselines3-zoo>`_ has it:

    .. code-block:: yaml

        TextGen-Sentiment-v0:
          n_timesteps: !!float 1e5          # tokens to train on
          n_envs: 64
          policy: TransformerPolicy         # there is no other
          learning_rate: lin_0.0001         # falls to 0 over the training; clip_range and clip_range_vf, too
          policy_kwargs: dict(temperature=0.7)
          normalize: {norm_obs: false, norm_reward: true}   # regularisation: {whiten_rewards: running}
          gamma: 0.99                       # an option of the environment, like those of env_kwargs
          warm_start: {algo: sft, n_timesteps: 100000}      # ours: what is trained first

    Args:
        algorithm: Name of the algorithm, such as ``"ppo"``.
        env_id: A registered id; a module prefix such as ``"textgym:"`` is allowed.
        path: Another file than the package's own.

    Returns:
        As JSON: arguments of the algorithm; ``n_timesteps`` and ``n_envs``; ``env_kwargs`` and ``warm_start``, where
        there are any. `textgym.agents.algorithms.make` takes all but the first two.

    Raises:
        OptionError: If the file is malformed, or holds what the algorithm does not have.
    """
    path = FOLDER / f"{algorithm}.yml" if path is None else Path(path)
    if path.parent == FOLDER and not path.is_file():
        return {}
    table, name = read(path), env_id.rpartition(":")[2]
    entry = table.get(name, table.get(DEFAULT, {}))
    try:
        return normalised(algorithm, entry)
    except OptionError as error:
        raise OptionError(f"{name} in {str(path)!r}: {error}") from error


def read(path: str | Path) -> dict[str, Any]:
    """Returns the entries of a file as they stand.

    Raises:
        OptionError: If it cannot be read, or is no mapping.
    """
    try:
        table = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OptionError(f"The hyperparameters {str(path)!r} cannot be read: {error}") from error
    if not isinstance(table or {}, dict):
        raise OptionError(f"A file of hyperparameters is a mapping from ids. {str(path)!r} holds {table!r}.")
    return table or {}


def normalised(algorithm: str, entry: Any) -> dict[str, Any]:
    """Returns an entry of a file in rl-zoo's form as `tuned` does.

    Raises:
        OptionError: If it holds what the algorithm does not have.
    """
    if not isinstance(entry, Mapping):
        raise OptionError(f"An entry is a mapping from hyperparameters. Actual value: {entry!r}.")
    found: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for key, value in entry.items():
        if key in _COUNTS:
            found[key] = _count(key, value)
        elif key == "policy":
            if value != POLICY:
                raise OptionError(f"The policy is {POLICY}; leave it out. Actual value: {value!r}.")
        elif key in ("env_kwargs", "policy_kwargs"):
            inner = _dictionary(key, value)
            if key == "env_kwargs":
                options |= inner
            else:
                found[key] = inner
        elif key == "gamma":
            options["gamma"] = value
        elif key in _ABSENT:
            if value:
                raise OptionError(f"{key} is rl-zoo's own and is not taken here. Actual value: {value!r}.")
        elif key == "normalize":
            if _rewards_only(value):
                found["regularisation"] = {"whiten_rewards": "running", **entry.get("regularisation", {})}
        elif key != "regularisation" or key not in found:
            found[key] = _checked(algorithm, key, value)
    return {**found, **({"env_kwargs": options} if options else {})}


def _checked(algorithm: str, key: Any, value: Any) -> Any:
    rl_zoo = (*_COUNTS, "policy", "env_kwargs", "gamma", "normalize")
    if not isinstance(key, str) or (
        key not in (known := algorithms.hyperparameters(algorithm)) and key != algorithms.WARM_START
    ):
        names = [*known, *rl_zoo, algorithms.WARM_START] if isinstance(key, str) else []
        raise OptionError(f"{algorithm} has no hyperparameter {key!r}.{suggest(str(key), names)}")
    return algorithms.check(algorithm, key, value)


def _count(key: str, value: Any) -> int:
    number = float(value) if isinstance(value, int | float) or _is_number(value) else 0.0
    if number < 1 or number != int(number):
        raise OptionError(f"{key} is a whole number, at least 1. Actual value: {value!r}.")
    return int(number)


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+(\.\d*)?([eE][+-]?\d+)?", value) is not None


def _dictionary(key: str, value: Any) -> dict[str, Any]:
    """Returns a mapping, also one that is written as the text of a call: ``dict(temperature=0.7)``, taken literally."""
    if value is None or isinstance(value, Mapping):
        return dict(value or {})
    try:
        call = ast.parse(str(value).strip(), mode="eval").body
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "dict" and not call.args:
            return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords if word.arg}
        literal = ast.literal_eval(call)
    except (SyntaxError, ValueError):
        literal = None
    if isinstance(literal, dict):
        return literal
    raise OptionError(f"{key} is a mapping, or a text such as 'dict(temperature=0.7)'. Actual value: {value!r}.")


def _rewards_only(value: Any) -> bool:
    """Whether rewards are to be normalised."""
    options = value if isinstance(value, bool) or value is None else _dictionary("normalize", value)
    if not options:
        return False
    if options is True or options.get("norm_obs", True) or set(options) - {"norm_obs", "norm_reward"}:
        raise OptionError(
            "Token ids cannot be normalised, rewards can: normalize: {norm_obs: false, norm_reward: true}. Actual "
            f"value: {value!r}."
        )
    return bool(options.get("norm_reward", True))


def write(path: str | Path, env_id: str, entry: Mapping[str, Any], comment: str = "") -> Path:
    """Puts an entry into a file, in place of the one that it has for this id; the rest stays as it is written.

    Args:
        path: The file; it need not exist.
        env_id: The id.
        entry: Hyperparameters, as JSON, in rl-zoo's form.
        comment: Lines to stand above the entry.

    Raises:
        OptionError: If the file cannot be read or written.
    """
    path = Path(path)
    table = read(path) if path.exists() else {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    tops = [number for number, line in enumerate(lines) if re.match(r"[^\s#\-].*:", line)]
    starts = {yaml.safe_load(lines[number].partition(":")[0]): number for number in tops}
    block = [*(f"# {line}".rstrip() for line in comment.splitlines()), *_block(env_id, entry)]
    if env_id in starts:
        first = starts[env_id]
        last = min((number for number in tops if number > first), default=len(lines))
        last = next((n for n in range(last, first, -1) if lines[n - 1].strip()[:1] not in ("#", "")), last)
        if comment:  # the comment of the entry that goes; one that stands apart, such as a file's header, stays
            own = first
            while own > 0 and lines[own - 1].startswith("#"):
                own -= 1
            if own > 0:
                first = own
            elif first > 0:
                block = ["", *block]
        lines[first:last] = block
    else:
        lines = lines or [HEADER]
        lines += ["", *block] if comment else block
    text = "\n".join(lines) + "\n"
    if yaml.safe_load(text) != {**table, env_id: dict(entry)}:
        raise OptionError(
            f"{str(path)!r} is written in a way that an entry cannot be put into: give each id a line of its own that "
            "starts in the first column."
        )
    try:
        return write_text(path, text)
    except OSError as error:
        raise OptionError(f"The hyperparameters cannot be written to {str(path)!r}: {error}") from error


def _block(env_id: str, entry: Mapping[str, Any]) -> list[str]:
    """Returns the lines of an entry: a line a hyperparameter, what is inside one in braces."""
    lines = [f"{env_id}:"]
    for key, value in entry.items():
        text = yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=1000).removesuffix("...\n").strip()
        lines.append(f"  {key}: {text}")
    return lines
