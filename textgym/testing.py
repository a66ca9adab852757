"""The contracts of textgym, for our tests and for yours: each check raises `ContractError` with the reason.

A third party's environment, vector environment or reward that passes them works with our agents and our bench.
"""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from textgym import rewards
from textgym.data import SPLITS
from textgym.dynamics import FINISH_REASONS
from textgym.env import TextGenEnv
from textgym.errors import ContractError, OptionError, TextGymError, suggest
from textgym.generated import sample
from textgym.rewards import audit
from textgym.rewards.examples import Examples

RESET_INFO = {"prompt": str, "references": list, "prompt_index": int}
FINAL_INFO = {"completion": str, "finish_reason": str, "reward_terms": dict, "discounted_return": float}

SAMPLED_PROMPTS = 2_000
"""Prompts of an endless split that are held against those of the other splits."""


def check_textgen_env(id_or_env: str | gym.Env) -> None:
    """Checks a text-generation environment: Gymnasium's rules, Stable-Baselines3's where it is installed, and ours.

    Args:
        id_or_env: A registered id, or an environment.

    Raises:
        ContractError: With the first rule that is broken.
    """
    wrapped = gym.make(id_or_env) if isinstance(id_or_env, str) else id_or_env
    env: Any = wrapped.unwrapped
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # render_mode="human" prints
        warnings.simplefilter("error")
        _run("gymnasium.utils.env_checker.check_env", lambda: check_env(env))
        try:
            from stable_baselines3.common.env_checker import check_env as sb3_check_env
        except ImportError:
            pass
        else:
            _run("stable_baselines3.common.env_checker.check_env", lambda: sb3_check_env(env))
    _check_episodes(env)
    _check_global_generators(env)
    _check_reset_options(env)
    if isinstance(env, TextGenEnv):
        _check_splits(env)
    if env.spec is not None:
        _check_spec(env)


def check_vector_env(
    env_id: str,
    num_envs: int = 4,
    autoreset_mode: AutoresetMode | str | None = None,
    *,
    steps: int = 100,
    seed: int = 0,
    **make_kwargs: Any,
) -> None:
    """Checks that the native vector environment is exactly ``num_envs`` single ones.

    Both play the same random actions; observations, rewards, flags and infos must be equal to the last bit.

    Args:
        env_id: A registered id.
        num_envs: Number of episodes side by side.
        autoreset_mode: The mode to check; None checks all three.
        steps: Vector steps to compare.
        seed: Seed of the environments and of the actions.
        **make_kwargs: Options of the environment, given to both.

    Raises:
        ContractError: At the first difference, which it names.
    """
    modes = list(AutoresetMode) if autoreset_mode is None else [AutoresetMode(autoreset_mode)]
    for mode in modes:
        native: Any = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, **make_kwargs)
        singles: Any = SyncVectorEnv([lambda: gym.make(env_id, **make_kwargs)] * num_envs, autoreset_mode=mode)
        for space in ("observation_space", "action_space", "single_observation_space", "single_action_space"):
            _require(getattr(native, space) == getattr(singles, space), f"{mode}: {space} differs")
        rng = np.random.default_rng(seed)
        eos = native.unwrapped.task.tokenizer.eos_id
        seeds = [int(s) for s in rng.integers(2**31, size=num_envs)]
        _require_equal(f"{mode}: reset(seed=[…])", native.reset(seed=seeds), singles.reset(seed=seeds))
        _require_equal(f"{mode}: reset(seed={seed})", native.reset(seed=seed), singles.reset(seed=seed))
        ended = 0
        for t in range(steps):
            actions = rng.integers(native.single_action_space.n, size=num_envs)
            actions[rng.random(num_envs) < 0.1] = eos
            ours, theirs = native.step(actions), singles.step(actions)
            _require_equal(f"{mode}: step {t}", ours, theirs)
            done = ours[2] | ours[3]
            ended += int(done.sum())
            if mode is AutoresetMode.DISABLED and done.any():
                resets = [env.reset(options={"reset_mask": done.copy()}) for env in (native, singles)]
                _require_equal(f"{mode}: reset of rows {np.flatnonzero(done).tolist()} at step {t}", *resets)
        _require(ended > 0, f"{mode}: no episode ended in {steps} steps; nothing was compared at an end")
        native.close()
        singles.close()


def check_reward(reward: Any, *, examples: Examples | None = None, accept: Iterable[str] = ()) -> None:
    """Checks a reward: finite numbers in its range, deterministic, the same alone as in a batch, and hard to game.

    What is tried is in `textgym.rewards.audit`. A kind of bad completion passes that the reward declares in
    `Reward.gameable_by`; silence never does.

    Args:
        reward: Anything that `textgym.rewards.make` accepts.
        examples: Rows on which it should score high; None takes the reward's own, customers' messages by default.
        accept: Kinds of bad completion that it may score high, silence among them.

    Raises:
        ContractError: With all that is broken.
    """
    made = rewards.make(reward)
    accepted = set(accept)
    if unknown := accepted - set(audit.KINDS):
        raise OptionError(f"The audit has no kind {min(unknown)!r}.{suggest(min(unknown), audit.KINDS)}")
    found = _run(f"{made.name}: scoring", lambda: audit.audit(made, examples))
    broken = [*found.faults, *(finding.complaint for finding in found.missed if finding.kind not in accepted)]
    _require(not broken, f"{made.name}: " + "; ".join(broken))


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise ContractError(reason + ".")


def _run(name: str, check: Callable[[], Any]) -> Any:
    try:
        return check()
    except Exception as error:  # whatever a checker or a third party's code raises is the broken rule
        raise ContractError(f"{name} failed: {error}") from error


def _require_equal(where: str, ours: Any, theirs: Any) -> None:
    names = ("obs", "reward", "terminated", "truncated", "info") if len(ours) == 5 else ("obs", "info")
    for name, a, b in zip(names, ours, theirs, strict=True):
        _require(
            data_equivalence(_plain(a), _plain(b), exact=True),
            f"{where}: {name} of the vector environment differs from that of the single ones: {a} against {b}",
        )


def _plain(value: Any) -> Any:
    """Plain dicts: Gymnasium's spaces return their own ordered kinds, which compare unequal by type."""
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def _check_episodes(env: Any) -> None:
    """Plays episodes and holds every step against the layout of observations, endings and infos."""
    rng = np.random.default_rng(0)
    replies = isinstance(env, TextGenEnv) and env.task.simulator is not None
    for episode in range(3):
        obs, info = env.reset(seed=episode)
        _check_info(info, RESET_INFO, "reset")
        length = int(obs["prompt_length"][0])
        _require(length >= 1, "a prompt has at least one token")
        _require(int(obs["attention_mask"].sum()) == length, "at reset the mask covers the prompt and nothing else")
        rewards_seen: list[float] = []
        terminated = False
        while not terminated:
            before = obs
            action = int(rng.integers(env.action_space.n))
            obs, reward, terminated, truncated, info = env.step(action)
            _require(type(reward) is float, f"the reward is a Python float, not {type(reward).__name__}")
            _require(type(terminated) is bool and truncated is False, "an episode ends by terminated=True alone")
            cell = int(before["attention_mask"].sum())
            rewards_seen.append(reward)
            _require(int(obs["input_ids"][cell]) == action, "a step writes its token into the next cell")
            _require(
                np.array_equal(obs["input_ids"][:cell], before["input_ids"][:cell]), "a cell once written never changes"
            )
            covered = np.flatnonzero(obs["attention_mask"])
            _require(np.array_equal(covered, np.arange(len(covered))), "the mask covers the first cells, without a gap")
            _require(
                len(covered) == cell + 1 or (replies and not terminated and len(covered) > cell + 1),
                "a step adds one cell, and more only where a simulator replies",
            )
            _require(terminated or not info, "info is empty before the end")
        _check_info(info, FINAL_INFO, "the end")
        _require(info["finish_reason"] in FINISH_REASONS[1:], f"finish_reason {info['finish_reason']!r} is unknown")
        discounted = sum(env.gamma**t * r for t, r in enumerate(rewards_seen))
        _require(
            bool(np.isclose(info["discounted_return"], discounted)), "discounted_return is the sum of gamma**t rewards"
        )
        _require(all(type(term) is float for term in info["reward_terms"].values()), "reward_terms are Python floats")
        _require(env.action_masks().shape == (env.action_space.n,), "action_masks() has the shape (V,)")


def _check_info(info: dict[str, Any], expected: dict[str, type], where: str) -> None:
    for name, kind in expected.items():
        _require(name in info, f"info at {where} lacks {name!r}")
        _require(
            type(info[name]) is kind, f"info[{name!r}] at {where} is a {type(info[name]).__name__}, not {kind.__name__}"
        )
    _require(not any(name.startswith("_") for name in info), "names in info do not start with an underscore")


def _check_global_generators(env: Any) -> None:
    def draw() -> tuple[Any, ...]:
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002  # the global generator is what is watched here
        env.reset(seed=1)
        for _ in range(3):
            env.step(0)
            env.reset()
        return random.random(), np.random.random()  # noqa: NPY002

    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
        untouched = random.random(), np.random.random()  # noqa: NPY002
        _require(draw() == untouched, "the environment uses or seeds a global random generator")
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _check_reset_options(env: Any) -> None:
    _, info = env.reset(options={"prompt_index": 0})
    _, again = env.reset(options={"prompt_index": 0})
    _require(info == again and info["prompt_index"] == 0, "reset(options={'prompt_index': 0}) gives prompt 0")
    _, given = env.reset(options={"prompt": info["prompt"]})
    _require(given["prompt"] == info["prompt"], "reset(options={'prompt': text}) gives that prompt")
    try:
        env.reset(options={"no_such_option": 1})
    except TextGymError:
        return
    raise ContractError("An unknown reset option must be an error.")


def _check_splits(env: TextGenEnv) -> None:
    rows = {split: sample(env.task.rows.get(split, ()), SAMPLED_PROMPTS) for split in SPLITS}
    prompts = {split: {row.prompt for row in found} for split, found in rows.items()}
    if len(set.union(*prompts.values())) == 1:
        return  # a task with a single prompt has nothing to hold out
    for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = prompts[a] & prompts[b]
        _require(not shared, f"the splits {a} and {b} share prompts: {sorted(shared)[:3]}")


def _check_spec(env: Any) -> None:
    try:
        text = env.spec.to_json()
    except TypeError:
        return  # made with an object, such as a reward function, which no JSON can hold
    spec = gym.envs.registration.EnvSpec.from_json(text)
    twin = gym.make(spec)
    actions = [1, 2, 0]
    for one, other in zip(_replay(env, actions), _replay(twin, actions), strict=True):
        _require(data_equivalence(one, other, exact=True), "an environment made from spec.to_json() plays differently")
    try:
        gym.make(env.spec.id, no_such_kwarg=1)
    except OptionError:
        return
    except TypeError as error:
        raise ContractError(f"An unknown kwarg must raise OptionError, not {error!r}.") from error
    raise ContractError("An unknown kwarg of make() must be an error.")


def _replay(env: Any, actions: Sequence[int]) -> list[Any]:
    seen: list[Any] = list(env.reset(seed=3))
    for action in actions:
        step = env.step(action)
        seen.append(tuple(step))
        if step[2]:
            break
    return seen
