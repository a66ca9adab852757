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

    Args:
        algorithm: Whose policy acts and whose ``num_timesteps`` and episode statistics go on.
        env: The environments.
        callback: Its ``on_step`` is called once a vector step; returning False stops the collection.
        rollout_buffer: An empty buffer.
        n_rollout_steps: Tokens to collect, divided by the number of environments.

    Returns:
        The last info of each episode, in the order in which they ended, or None if the callback stopped.

    Raises:
        RewardError: If a reward is not a finite number.
        AgentError: If an episode was truncated: its completion was never scored.
    """
    policy: TransformerPolicy = algorithm.policy  # type: ignore[assignment]  # SB3 types it as its own actor-critic
    masked = env.has_attr("masks_actions") and bool(env.get_attr("masks_actions")[0])
    idle_token = _idle_token(env)
    budget = n_rollout_steps * env.num_envs
    final_infos: list[dict[str, Any]] = []
    collected = 0

    obs: Any = env.reset()
    live = np.arange(env.num_envs)  # the environment that each row of the decoder follows
    episodes = rollout_buffer.open(env.num_envs)  # the episode that each environment plays
    decoder = policy.decoder(env.num_envs)
    while len(live):
        lengths = obs["attention_mask"][live].sum(1, dtype=np.int64)
        contexts = obs["input_ids"][live]
        masks = np.stack(env.env_method("action_masks"))[live] if masked else None
        choice = policy.choose(decoder, contexts, lengths, masks)
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

        rollout_buffer.add(episodes[live], lengths, rewards[live], choice.log_probs, choice.values, masks)
        for row in np.flatnonzero(dones[live]):
            rollout_buffer.close(int(episodes[live[row]]), np.append(contexts[row, : lengths[row]], tokens[row]))
        final_infos += [infos[i] for i in np.flatnonzero(dones)]
        if collected < budget:
            episodes[dones] = rollout_buffer.open(int(dones.sum()))
        else:
            for row in np.flatnonzero(dones[live])[::-1]:  # from the back, so that no row that moves is itself over
                decoder.move(len(live) - 1, row)
                live[row] = live[-1]
                live = live[:-1]
        obs = new_obs
    return final_infos


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
