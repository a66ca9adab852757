"""The work that speed is measured on: 64 episodes, prompts of 16 tokens, 48 new tokens, two sizes of GPT-2.

The vocabulary is made of numbered words, the weights are random, the reward costs nothing: what is timed is the
machinery. Every peer is given the same weights, prompts, lengths and law of sampling.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import configure_logger
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

import textgym
from textgym.agents import TransformerPolicy, make_vec_env
from textgym.agents.models import make_model

EPISODES, PROMPT_TOKENS, NEW_TOKENS = 64, 16, 48
EOS_ID = 2
SPECIALS = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>"}


class Size(NamedTuple):
    """A vocabulary and the shape of a GPT-2."""

    vocab_size: int
    layers: int
    width: int
    heads: int

    @property
    def config(self) -> dict[str, Any]:
        """What `make_model` takes."""
        return {"n_layer": self.layers, "n_embd": self.width, "n_head": self.heads}


SIZES = {"tiny": Size(2048, 4, 128, 4), "small": Size(8192, 6, 384, 6)}


@lru_cache
def tokenizer(size: Size) -> PreTrainedTokenizerFast:
    """Returns a tokenizer of numbered words."""
    words = [*SPECIALS.values(), *(f"w{i}" for i in range(size.vocab_size - len(SPECIALS)))]
    rust = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    rust.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=rust, **SPECIALS)


def prompts(size: Size, count: int = 512) -> list[str]:
    """Returns prompts of 15 random words; BOS makes it 16 tokens."""
    words = np.random.default_rng(0).integers(0, size.vocab_size - len(SPECIALS), (count, PROMPT_TOKENS - 1))
    return [" ".join(f"w{i}" for i in row) for row in words]


def free(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
    """A reward that costs nothing and differs from completion to completion."""
    return [len(completion) % 7 / 7 for completion in completions]


def task(size: Size, new_tokens: int = NEW_TOKENS) -> textgym.Task:
    """Returns the task that our agents and stock SB3 play."""
    return textgym.make_task(
        data=prompts(size),
        tokenizer=tokenizer(size),
        reward=free,
        max_prompt_tokens=PROMPT_TOKENS,
        max_new_tokens=new_tokens,
    )


def model(size: Size, new_tokens: int = NEW_TOKENS) -> GPT2LMHeadModel:
    """Returns the same random weights each time, with an EOS that is never drawn: all episodes are equally long."""
    lm = make_model(size.config, size.vocab_size, PROMPT_TOKENS + new_tokens, seed=0)
    assert isinstance(lm, GPT2LMHeadModel)
    direction = torch.ones(size.width) / size.width**0.5
    with torch.no_grad():
        lm.transformer.ln_f.bias += 5 * direction
        lm.transformer.wte.weight[EOS_ID] = -5 * direction  # its logit is 25 below the others'
    return lm


def agent(
    cls: Any,
    size: Size,
    precision: str = "float32",
    n_envs: int = EPISODES,
    new_tokens: int = NEW_TOKENS,
    **settings: Any,
) -> Phases:
    """Returns one of our agents at this work; with a ``kl_coef`` in ``settings`` it keeps a reference."""
    return Phases(
        cls(
            model(size, new_tokens),
            task(size, new_tokens),
            n_envs=n_envs,
            policy_kwargs={"precision": precision},
            seed=0,
            device="cpu",
            **{"kl_coef": None, "n_steps": new_tokens, **settings},
        )
    )


def stock(size: Size, n_envs: int, n_steps: int, **settings: Any) -> Phases:
    """Returns stock SB3's PPO with the same network, one transition a sample."""
    return Phases(
        stable_baselines3.PPO(
            TransformerPolicy,
            make_vec_env(task(size), n_envs),
            n_steps=n_steps,
            policy_kwargs={"model": size.config},
            seed=0,
            device="cpu",
            **settings,
        )
    )


class Silent(BaseCallback):
    """Asks for nothing."""

    def _on_step(self) -> bool:
        return True


class Phases:
    """One agent whose collection and update are run apart."""

    def __init__(self, agent: OnPolicyAlgorithm) -> None:
        self.agent = agent
        agent.set_logger(configure_logger(verbose=0))
        agent._setup_learn(10**9)
        self._callback = Silent()
        self._callback.init_callback(agent)

    def collect(self) -> float:
        """Fills the buffer; returns the tokens that were written."""
        agent, before = self.agent, self.agent.num_timesteps
        agent.collect_rollouts(agent.env, self._callback, agent.rollout_buffer, agent.n_steps)
        return agent.num_timesteps - before

    def update(self) -> float:
        """Trains on the buffer; returns its tokens."""
        self.agent.train()
        return len(self.agent.rollout_buffer.values.flatten())

    def iterate(self) -> float:
        """Does both; returns the tokens."""
        tokens = self.collect()
        self.update()
        return tokens


def floors(size: Size, passes: int) -> dict[str, float]:
    """Returns tokens a second that the matrix products alone would allow here, by precision.

    Args:
        size: The model; its body reads prompts and completions, its head what completions are drawn from.
        passes: Of the operations of a forward pass: 1 to write tokens, 3 to learn from them.
    """
    body = 12 * size.layers * size.width**2
    operations = 2 * passes * (body * (PROMPT_TOKENS + NEW_TOKENS) / NEW_TOKENS + size.width * size.vocab_size)
    return {dtype: matmul_rate(getattr(torch, dtype)) / operations for dtype in ("float32", "bfloat16")}


def matmul_rate(dtype: torch.dtype, seconds: float = 0.5) -> float:
    """Returns the arithmetic that matrix products of 1,024 reach here, in operations a second."""
    a, b = torch.randn(1024, 1024, dtype=dtype), torch.randn(1024, 1024, dtype=dtype)
    count, start = 0, time.perf_counter()
    with torch.inference_mode():
        while (spent := time.perf_counter() - start) < seconds:
            a @ b
            count += 1
    return count * 2 * 1024**3 / spent
