"""Collection of whole episodes, driven by ``env.step``."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from textgym.errors import AgentError, RewardError

from .buffers import EpisodeBuffer
from .policy import TransformerPolicy


def collect_episodes(
    algorithm: OnPolicyAlgorithm,
    env: VecEnv,
    callback: BaseCallback,
    rollout_buffer: EpisodeBuffer,
    n_rollout_steps: int,
) -> list[dict[str, Any]] | None:
    """Fills the buffer with whole episodes, and keeps SB3's accounts and callbacks on the way.

    Every environment is reset and plays on, episode after episode, until ``n_rollout_steps × num_envs`` tokens are
    written; then no episode begins any more, and the rollout is over when the last one has ended. An environment that
    has nothing left to do is still stepped, since a vector steps as one, but costs no work of the model and counts
    for nothing.

    With ``rollout_buffer.n_samples`` = k above 1, environments ``k g`` to ``k g + k − 1`` are reset with one seed, so
    that each draws the same prompts in the same order: their j-th episodes are a group. Once the tokens are written,
    an environment plays on until it has played as many episodes as each other one of its k, so that no group is cut;
    where completions differ much in length, a rollout is well above its nominal size.

    Args:
        algorithm: Whose policy acts and whose ``num_timesteps`` and episode statistics go on.
        env: The environments.
        callback: Its ``on_step`` is called once a vector step; returning False stops the collection.
        rollout_buffer: An empty buffer; it says how many episodes of a prompt make a group.
        n_rollout_steps: Tokens to collect, divided by the number of environments.

    Returns:
        The last info of each episode, in the order in which they ended, or None if the callback stopped.

    Raises:
        RewardError: If a reward is not a finite number.
        AgentError: If an episode was truncated, since its completion was never scored; or if groups do not fill the
            environments.
    """
    policy: TransformerPolicy = algorithm.policy  # type: ignore[assignment]  # SB3 types it as its own actor-critic
    masked = env.has_attr("masks_actions") and bool(env.get_attr("masks_actions")[0])
    idle_token = _idle_token(env)
    budget = n_rollout_steps * env.num_envs
    final_infos: list[dict[str, Any]] = []
    collected = 0

    rounds = _Rounds(env.num_envs, rollout_buffer.n_samples)
    if rollout_buffer.n_samples > 1:
        _share_seeds(env, rollout_buffer.n_samples)
    obs: Any = env.reset()
    live = np.arange(env.num_envs)  # the environment that each row of the decoder follows
    episodes = rollout_buffer.open(env.num_envs, rounds.begin(live))  # the episode that each environment plays
    decoder = policy.decoder(env.num_envs)
    while len(live):
        lengths = obs["attention_mask"][live].sum(1, dtype=np.int64)
        contexts = obs["input_ids"][live]
        masks = np.stack(env.env_method("action_masks"))[live] if masked else None
        prompts = obs["prompt_length"][live, 0] if "prompt_length" in obs else None
        choice = policy.choose(decoder, contexts, lengths, masks, prompt_lengths=prompts)
        tokens = choice.actions.cpu().numpy()
        actions = np.full(env.num_envs, idle_token)
        actions[live] = tokens

        new_obs, rewards, dones, infos = env.step(actions)
        rewards, dones, infos = _only(live, rewards, dones, infos)
        _check(rewards, dones, infos)
        algorithm.num_timesteps += len(live)
        collected += len(live)
        callback.update_locals(locals())
        if not callback.on_step():
            return None
        algorithm._update_info_buffer(infos, dones)

        supports = None if choice.supports is None else choice.supports.cpu().numpy()
        rollout_buffer.add(episodes[live], lengths, rewards[live], choice.log_probs, choice.values, masks, supports)
        for row in np.flatnonzero(dones[live]):
            context = np.append(contexts[row, : lengths[row]], tokens[row])
            rollout_buffer.close(int(episodes[live[row]]), context, infos[live[row]])
        final_infos += [infos[i] for i in np.flatnonzero(dones)]
        again = dones if collected < budget else dones & rounds.behind
        episodes[again] = rollout_buffer.open(int(again.sum()), rounds.begin(np.flatnonzero(again)))
        for row in np.flatnonzero((dones & ~again)[live])[::-1]:  # from the back: no row that moves is itself over
            decoder.move(len(live) - 1, row)
            live[row] = live[-1]
            live = live[:-1]
        obs = new_obs
    return final_infos


class _Rounds:
    """How many episodes each environment has begun, in groups of k environments that are to play equally many."""

    def __init__(self, num_envs: int, n_samples: int) -> None:
        check_groups(num_envs, n_samples)
        self.begun = np.zeros(num_envs, np.int64)
        self.n_samples = n_samples

    def begin(self, envs: np.ndarray) -> np.ndarray | None:
        """Counts an episode more for each of ``envs``; returns the group of each, or None where k is 1."""
        groups = self.begun[envs] * (len(self.begun) // self.n_samples) + envs // self.n_samples
        self.begun[envs] += 1
        return None if self.n_samples == 1 else groups

    @property
    def behind(self) -> np.ndarray:
        """True for environments that have begun fewer episodes than another one of their k, bool ``(N,)``."""
        groups = self.begun.reshape(-1, self.n_samples)
        return (groups < groups.max(1, keepdims=True)).ravel()


def check_groups(num_envs: int, n_samples: int) -> None:
    """Checks that groups of ``n_samples`` environments fill ``num_envs``.

    Raises:
        AgentError: If they do not.
    """
    if num_envs % n_samples:
        raise AgentError(
            "The episodes of one prompt are played side by side, so n_samples must divide the number of environments. "
            f"Actual values: n_samples={n_samples}, n_envs={num_envs}. Take a multiple, such as "
            f"n_envs={-(-num_envs // n_samples) * n_samples}."
        )


def _share_seeds(env: VecEnv, n_samples: int) -> None:
    """Gives each environment the seed of the first of its group; SB3 keeps seeds there until the next reset."""
    bare = env.unwrapped
    bare._seeds = [bare._seeds[i - i % n_samples] for i in range(env.num_envs)]


def _only(
    live: np.ndarray, rewards: np.ndarray, dones: np.ndarray, infos: list[dict[str, Any]]
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Blanks what idle environments returned."""
    if len(live) == len(dones):
        return rewards, dones, infos
    idle = np.ones(len(dones), bool)
    idle[live] = False
    return np.where(idle, 0, rewards), dones & ~idle, [{} if idle[i] else info for i, info in enumerate(infos)]


def _check(rewards: np.ndarray, dones: np.ndarray, infos: list[dict[str, Any]]) -> None:
    if not np.isfinite(rewards).all():
        i = np.flatnonzero(~np.isfinite(rewards)).tolist()[0]
        raise RewardError(
            f"Environment {i} returned the reward {rewards[i]}. Completion: {infos[i].get('completion')!r}. Rewards "
            "must be finite; training was stopped before anything was learnt from it."
        )
    for i in np.flatnonzero(dones).tolist():
        if infos[i].get("TimeLimit.truncated"):
            raise AgentError(
                f"The episode of environment {i} was truncated, so its completion was never scored. Remove the "
                "TimeLimit (max_episode_steps); the token budget is the task's max_new_tokens."
            )


def _idle_token(env: VecEnv) -> int:
    """A token that does not end an episode, for environments that have nothing left to do."""
    eos_id = env.get_attr("task")[0].tokenizer.eos_id if env.has_attr("task") else -1
    return 1 if eos_id == 0 else 0
