"""Our algorithms in rl-baselines3-zoo: its own ``train`` and ``enjoy``, with ours among its algorithms.

    python -m textgym.agents.zoo train --algo textgym_ppo --env TextGen-Target-v0 -f logs
    python -m textgym.agents.zoo enjoy --algo textgym_ppo --env TextGen-Target-v0 -f logs --no-render --stochastic

Every option is rl-zoo's, ``--optimize-hyperparameters`` too, which then searches our spaces. Hyperparameters come from
`textgym.agents.tuned` unless ``--conf-file`` names a file; such a file may hold what our algorithms take, and
``model: tiny``, by default that of the id. rl-zoo plays single environments, which it makes itself: that is slower than
`textgym train` with its vector environment, and its evaluations take the likeliest token. What it saves is one ``.zip``
of the folder that ``agent.save`` writes, nothing pickled.

Checked with rl_zoo3 2.9 in tests/agents/test_zoo.py.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from stable_baselines3.common.utils import ConstantSchedule, LinearSchedule

from textgym import registry
from textgym.errors import AgentError, OptionError, TextGymError

from . import ALGORITHMS, algorithms, search_spaces
from .tuned import POLICY, tuned

PREFIX = "textgym_"
COMMANDS = ("train", "enjoy")
DEFAULTS = {"n_timesteps": 200_000, "n_envs": 64, "policy": POLICY}
"""What an id trains with where nothing was tuned: the defaults of `textgym train`; rl-zoo asks for a policy."""


class ZooAlgorithm:
    """One of our algorithms as rl-zoo uses the class of one: it is called, and it loads.

    Args:
        name: The algorithm, such as ``"ppo"``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *, env: Any, policy: str = POLICY, model: Any = None, **arguments: Any) -> Any:
        """Returns a new agent.

        Args:
            env: SB3's VecEnv, which rl-zoo makes.
            policy: ``"TransformerPolicy"``; there is no other.
            model: What it starts from; None is what the environment's id says.
            **arguments: Of the class; and ``warm_start``, see `textgym.agents.algorithms`.
        """
        if policy != POLICY:
            raise OptionError(f"The policy is {POLICY}; leave it out. Actual value: {policy!r}.")
        spec, warm = env.get_attr("spec")[0], arguments.pop(algorithms.WARM_START, None)
        model = registry.entry(spec.id).model if model is None else model
        if warm:
            options = {name: value for name, value in spec.kwargs.items() if name not in ("task", "render_mode")}
            warm = algorithms.checked_warm_start(warm)
            seed, device = arguments.get("seed") or 0, str(arguments.get("device", "auto"))
            model = algorithms.warm_folder(warm, model, spec.id, options, seed, device)
        return self._zipped()(model, env, **{name: _ours(value) for name, value in arguments.items()})

    def load(
        self, path: str | Path, env: Any = None, custom_objects: Any = None, device: str = "auto", **changes: Any
    ) -> Any:
        """Returns the agent of a ``.zip``.

        Args:
            path: The file.
            env: Its environment, to go on learning in; None to play.
            custom_objects: Accepted for SB3, whose files are pickled.
            device: Where it runs.
            **changes: Arguments of the class that should differ.
        """
        with tempfile.TemporaryDirectory(prefix="textgym-") as folder:
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(folder)
            except (OSError, zipfile.BadZipFile) as error:
                raise AgentError(f"{str(path)!r} is no agent that rl-zoo saved ({error}).") from error
            start = ("model", algorithms.WARM_START)  # a file of hyperparameters says them of new agents
            settings = {name: _ours(value) for name, value in changes.items() if name not in start}
            return self._zipped().load(folder, env=env, device=device, **settings)

    def _zipped(self) -> Any:
        """Returns the class with a ``save`` that writes what rl-zoo looks for: it keeps files of its own beside it."""
        cls = algorithms.find(self.name)

        def save(agent: Any, path: str | Path, *_: Any, **__: Any) -> None:
            with tempfile.TemporaryDirectory(prefix="textgym-") as folder:
                cls.save(agent, Path(folder, "agent"))
                shutil.make_archive(str(path).removesuffix(".zip"), "zip", Path(folder, "agent"))

        return type(cls.__name__, (cls,), {"save": save, "__doc__": cls.__doc__, "__module__": cls.__module__})


def register(pretrained: bool) -> None:
    """Puts our algorithms into rl-zoo's tables.

    Args:
        pretrained: Whether what a search starts from can write already; see `textgym.agents.search_spaces.space`.

    Raises:
        AgentError: If rl_zoo3 is not installed.
    """
    try:
        utils, searches = (importlib.import_module(f"rl_zoo3.{name}") for name in ("utils", "hyperparams_opt"))
    except ModuleNotFoundError as error:
        raise AgentError(f"rl-baselines3-zoo needs {error.name}. Run `pip install 'textgym[zoo]'`.") from error
    for name in ALGORITHMS:
        utils.ALGOS[PREFIX + name] = ZooAlgorithm(name)
        searches.HYPERPARAMS_SAMPLER[PREFIX + name] = _drawing(search_spaces.space(name, pretrained))
        searches.HYPERPARAMS_CONVERTER[PREFIX + name] = search_spaces.settle


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs rl-zoo's ``train`` or ``enjoy``."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        raise OptionError(
            f"Give {' or '.join(COMMANDS)}, then rl-zoo's options. Actual value: {' '.join(words[:1])!r}."
        )
    command, *rest = words
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--algo", default="")
    parser.add_argument("--env", default="")
    parser.add_argument("-conf", "--conf-file")
    given, _ = parser.parse_known_args(rest)
    ours = given.algo.startswith(PREFIX)
    env_id = registry.entry(given.env).id if ours else given.env
    register(not ours or registry.entry(env_id).model != "scratch")
    with tempfile.TemporaryDirectory(prefix="textgym-") as folder:
        if ours and command == "train" and given.conf_file is None:
            file = Path(folder, f"{given.algo}.yml")
            entry = {**DEFAULTS, **tuned(given.algo.removeprefix(PREFIX), env_id)}
            file.write_text(yaml.safe_dump({env_id: entry}), encoding="utf-8")
            rest += ["--conf-file", str(file)]
        function = getattr(importlib.import_module(f"rl_zoo3.{command}"), command)
        before, sys.argv = sys.argv, [f"textgym.agents.zoo {command}", *rest]
        try:
            function()
        finally:
            sys.argv = before


def _drawing(space: search_spaces.Space) -> Callable[..., dict[str, Any]]:
    def sample(trial: Any, n_actions: int, n_envs: int, additional_args: dict[str, Any]) -> dict[str, Any]:
        return search_spaces.draw(trial, space)

    return sample


def _ours(value: Any) -> Any:
    """Returns rl-zoo's schedules as SB3's own, which can be saved without pickle."""
    if isinstance(value, ConstantSchedule):
        return value.val
    initial = getattr(value, "initial_value", None)
    return value if initial is None else LinearSchedule(float(initial), 0.0, 1.0)


if __name__ == "__main__":
    try:
        main()
    except TextGymError as reason:
        sys.exit(f"Error: {reason}")
