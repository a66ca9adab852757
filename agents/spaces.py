"""The spaces of an environment, as a Transformer needs them."""

from __future__ import annotations

from gymnasium import spaces

from textgym.errors import AgentError


def check_spaces(observation_space: spaces.Space, action_space: spaces.Space) -> tuple[int, int]:
    """Returns the vocabulary size V and the context length L of an environment's spaces.

    Raises:
        AgentError: If they are not those of a textgym environment.
    """
    names = {"input_ids", "attention_mask"}
    if not isinstance(observation_space, spaces.Dict) or not names <= set(observation_space.spaces):
        raise AgentError(
            "A Transformer reads the observations of textgym environments, a Dict with input_ids and attention_mask. "
            f"Actual space: {observation_space}."
        )
    if not isinstance(action_space, spaces.Discrete):
        raise AgentError(f"A Transformer chooses tokens, a Discrete space. Actual space: {action_space}.")
    length = observation_space["input_ids"].shape
    return int(action_space.n), int(length[0]) if length else 0
