"""The actor-critic: a language model with a value head, as Stable-Baselines3 knows a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import Schedule
from transformers import PreTrainedModel

from textgym.errors import AgentError

from . import optimizers
from .distributions import TokenDistribution, TokenRules
from .episodes import Episodes
from .lora import inject
from .micro_batches import check_size, in_parts
from .models import DeviceMap, ModelSpec, drawn_from, make_model
from .reduction import Reduction
from .sharding import Sharding, check_shardable
from .spaces import check_spaces
from .token_model import ContextReader, EpisodeBatch, TokenModel
from .trainable import Train, freeze, recomputed
from .value_heads import ValueReader, check_value_head, value_head_of, value_model_of

Observation = dict[str, Any]


class Choice(NamedTuple):
    """Tokens chosen for n contexts, with what the update needs of the moment they were chosen.

    Attributes:
        actions: The tokens, int64 ``(n,)``.
        log_probs: log π of each, float32 ``(n,)``.
        values: V of each context, float32 ``(n,)``; NaN where no value model followed them.
        supports: True for the tokens that the law could draw, bool ``(n, V)``, where it leaves out some by how likely
            they are; else None. What the environment and the rules exclude is known without it.
    """

    actions: torch.Tensor
    log_probs: torch.Tensor
    values: torch.Tensor
    supports: torch.Tensor | None = None


class _Memory(NamedTuple):
    """What `TransformerPolicy.predict` carries from step to step in SB3's slot for recurrent states."""

    decoder: ContextReader
    weights: tuple[int, ...]


class TransformerPolicy(BasePolicy):
    """A policy that writes: its law over tokens is a language model's, its value a reading of the same state.

    Works under stock Stable-Baselines3 (``PPO(TransformerPolicy, env, policy_kwargs={"model": "tiny"})``), one
    transition a sample and the whole prefix anew for each, and under the algorithms of this package, which score every
    token of an episode in one pass. The language model always stays in ``eval()``; the value starts at zero, so that at
    first it moves nothing but its own head.

    Args:
        observation_space: That of `textgym.TextGenEnv`.
        action_space: ``Discrete(V)``.
        lr_schedule: Learning rate, by the progress that remains.
        use_sde: Accepted because SB3 passes it; must be False.
        model: See `textgym.agents.models.make_model`. Under stock SB3 give JSON: a name or a dict.
        device_map: See `textgym.agents.models.pretrained`.
        train: ``"all"``, ``"value_head"`` (V alone learns) or ``{"last_layers": k}``; see `trainable.freeze`.
        lora: Options of an adapter, all of the model that then learns, by peft's names: ``{"r": 8, "lora_alpha": 16}``;
            see `textgym.agents.lora`. None is no adapter.
        value_head: ``"linear"``, ``"mlp"`` or ``"separate"``; see `textgym.agents.value_heads`. Of a separate model
            those weights learn that do of the policy, or its own adapter; with ``train="value_head"`` all do.
        value_gradient: Whether the gradient of the value goes on into the model that it shares with the policy.
        gradient_checkpointing: Whether an update computes layers twice: the same gradient, less memory, more time.
        micro_batch_size: Tokens of a minibatch that are scored at once, prompts and padding included; the rest waits,
            and memory grows with this instead of the minibatch. The gradient is the whole minibatch's, for a forward
            more. None scores minibatches whole.
        fsdp: Whether several ranks share the weights, their gradients and the optimizer's state while an agent of this
            package learns; see `textgym.agents.sharding`. A process by itself holds all of them either way.
        temperature, top_k, top_p, min_p, precision: See `TokenModel`.
        suppress_tokens, forced_tokens, min_new_tokens, eos_id: See `TokenRules`.
        optimizer_class: Class of the optimizer, or its name in `torch.optim`.
        optimizer_kwargs: Its arguments besides the learning rate.
        seed: Of the tokens drawn, and of random weights; None takes one from torch's global generator, which SB3 seeds.

    Raises:
        AgentError: If the spaces are not those of a textgym environment, or there is no such option.
        ModelError: If the model cannot be loaded or does not fit them.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        use_sde: bool = False,
        *,
        model: ModelSpec = "tiny",
        device_map: DeviceMap = None,
        train: Train = "all",
        lora: dict[str, Any] | None = None,
        value_head: str = "linear",
        value_gradient: bool = True,
        gradient_checkpointing: bool = False,
        micro_batch_size: int | None = None,
        fsdp: bool = False,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        suppress_tokens: Sequence[int] = (),
        forced_tokens: Sequence[Sequence[int]] = (),
        min_new_tokens: int = 0,
        eos_id: int | None = None,
        precision: str = "auto",
        optimizer_class: str | type[torch.optim.Optimizer] = "Adam",
        optimizer_kwargs: dict[str, Any] | None = None,
        seed: int | None = None,
    ) -> None:
        vocab_size, length = check_spaces(observation_space, action_space)
        if use_sde:
            raise AgentError("State-dependent exploration (use_sde) is for continuous actions; tokens are discrete.")
        check_value_head(value_head, value_gradient)
        check_size(micro_batch_size)
        super().__init__(
            observation_space,
            action_space,
            optimizer_class=optimizers.optimizer_of(optimizer_class),
            optimizer_kwargs=optimizer_kwargs,
        )
        self.options: dict[str, Any] = {
            "train": train,
            "lora": lora,
            "value_head": value_head,
            "value_gradient": value_gradient,
            "gradient_checkpointing": gradient_checkpointing,
            "micro_batch_size": micro_batch_size,
            "fsdp": fsdp,
        }
        lm = make_model(model, vocab_size, length, seed, device_map)
        check_shardable(self.options, lm)
        if lora is not None:
            if train != "all":
                raise AgentError(f"With lora the adapter alone learns, so train is not given. Actual value: {train!r}.")
            with drawn_from(seed):
                inject(lm, lora)
        rules = TokenRules(suppress_tokens, forced_tokens, min_new_tokens, eos_id)
        self.token_model = TokenModel(lm, vocab_size, temperature, top_k, top_p, precision, min_p, rules)
        with drawn_from(seed):
            self.value_head = value_head_of(value_head, lm.config.get_text_config().hidden_size)
        if train != "value_head":  # there the value model learns whole, so it is copied first
            freeze(lm, train)
        self.value_model = value_model_of(self.token_model) if value_head == "separate" else None
        freeze(lm, train)
        self.differentiable_entropy = True
        """Whether `evaluate_actions` returns the entropy, with its gradient.

        Without it the entropy is estimated by −log π of the tokens drawn, as SB3 does where a law has no formula for
        it, and the update is a third faster.
        """
        self.reduction: Reduction | None = None
        """What makes the gradients those of all ranks before a step of the optimizer, while several ranks update."""
        self.sharding: Sharding | None = None
        """What several ranks share the weights by, where they do."""
        self._seed = int(torch.randint(2**62, ())) if seed is None else seed
        self._generator: torch.Generator | None = None
        self._updates = 0
        self._first_learning_rate = lr_schedule(1.0)
        self.make_optimizer()

    def make_optimizer(self) -> None:
        """Makes the optimizer of the weights that learn, as they are now, anew."""
        self.optimizer = optimizers.made(
            self.optimizer_class,
            [parameter for parameter in self.parameters() if parameter.requires_grad],
            {"lr": self._first_learning_rate, **self.optimizer_kwargs},
        )
        self.optimizer.register_step_pre_hook(self._before_step)
        self.optimizer.register_step_post_hook(self._count_update)

    @property
    def lm(self) -> PreTrainedModel:
        """The language model."""
        return self.token_model.lm

    @property
    def generator(self) -> torch.Generator:
        """What tokens are drawn with; no other random number comes from it."""
        if self._generator is None or self._generator.device.type != self.device.type:
            self._generator = torch.Generator(self.device).manual_seed(self._seed)
        return self._generator

    def reseed(self, seed: int) -> None:
        """Starts the drawing of tokens anew from ``seed``."""
        self._seed, self._generator = seed, None

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Gives a context in which tokens are drawn from ``seed``; afterwards drawing goes on as if nothing was."""
        own = self.generator
        self._generator = torch.Generator(self.device).manual_seed(seed)
        try:
            yield
        finally:
            self._generator = own

    def decoder(self, size: int) -> ContextReader:
        """Returns a decoder of ``size`` contexts of this environment."""
        self._check_whole()
        length = self.observation_space["input_ids"].shape[0]  # type: ignore[index]
        own = self.token_model.decoder(size, length)
        return own if self.value_model is None else ValueReader(own, self.value_model.decoder(size, length))

    @torch.inference_mode()
    def choose(
        self,
        decoder: ContextReader,
        input_ids: np.ndarray,
        lengths: np.ndarray,
        action_masks: np.ndarray | None = None,
        deterministic: bool = False,
        prompt_lengths: np.ndarray | None = None,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> Choice:
        """Chooses the next token of n contexts that ``decoder`` follows.

        Args:
            decoder: From `decoder`; it may hold more than n contexts.
            input_ids: Contexts, right-padded, int64 ``(n, L)``.
            lengths: Their tokens, int64 ``(n,)``.
            action_masks: True for tokens that may be chosen, bool ``(n, V)``, or None for all.
            deterministic: Whether to take the likeliest token.
            prompt_lengths: Tokens of each prompt, int64 ``(n,)``; rules on places in the completion and
                encoder-decoder models need them.
            rngs: What each token is drawn with, one a context; None takes `generator` for all.
        """
        model, value_reader = self.token_model, None
        if isinstance(decoder, ValueReader):
            value_reader, decoder = decoder.second, decoder.own
        hidden = model.advance(decoder, input_ids, lengths, prompt_lengths)
        if self.value_model is None:
            values = self._values(hidden)
        elif value_reader is None:
            values = torch.full((len(lengths),), torch.nan, device=self.device)
        else:
            values = self._values(self.value_model.advance(value_reader, input_ids, lengths, prompt_lengths))
        masks = None if action_masks is None else self._tensor(np.array(action_masks, bool))
        positions = None if prompt_lengths is None else self._tensor(lengths - prompt_lengths)
        mask = model.restrict_step(decoder, input_ids, lengths, model.allowed(positions, masks), prompt_lengths)
        return self._choice(values, model.distribution(hidden, mask, decoder), deterministic, rngs)

    def forward(self, obs: Observation, deterministic: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns actions, values and log-probs of B observations, each ``(B,)``, without a cache (stock SB3)."""
        hidden = self._hidden(obs)
        choice = self._choice(self._values_of(obs, hidden), self._law(obs, hidden), deterministic)
        return choice.actions, choice.values, choice.log_probs

    def predict_values(self, obs: Observation | EpisodeBatch) -> torch.Tensor:
        """Returns V of B observations, or of the contexts of all chosen tokens of whole episodes, float32 ``(B,)``."""
        return self._values_of(obs)

    def get_distribution(self, obs: Observation | EpisodeBatch) -> CategoricalDistribution:
        """Returns the law of the next token of each context, in the form of SB3's own (sb3-contrib's TRPO asks)."""
        law = self._law(obs, self._hidden(obs))
        return CategoricalDistribution(self.token_model.vocab_size).proba_distribution(law.logits)

    def log_likelihood(self, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> np.ndarray:
        """Returns log p(completion | prompt) of the language model itself, in nat, float64 ``(E,)``.

        Args:
            prompts: Token ids of each prompt, at least one.
            completions: Token ids of each completion, at least one.
        """
        self._check_whole()
        written = Episodes.of(prompts, completions, None, self.token_model.vocab_size)
        (log_probs,) = written.score(lambda batch: self.token_model.own_log_probs(batch)[None], self.device)
        return log_probs.sum(-1, dtype=np.float64)

    def evaluate_actions(
        self, obs: Observation | EpisodeBatch, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores tokens under the law as it is now, with gradients.

        Args:
            obs: Whole episodes, of which M tokens were chosen; or, from stock SB3, M observations.
            actions: The tokens, int64 ``(M,)``.

        Returns:
            ``(values, log_prob, entropy)``, each float32 ``(M,)``.

        Raises:
            AgentError: If one of them is not finite: the weights are spoilt.
        """
        actions = actions.long().flatten()
        if self.sharding is not None and self.sharding.begun:
            values, log_prob, entropy = self.sharding.evaluate(self._evaluate, obs, actions)
        elif isinstance(obs, EpisodeBatch):
            values, log_prob, entropy = in_parts(self._evaluate, obs, actions, self.options["micro_batch_size"])
        else:
            values, log_prob, entropy = self._evaluate(obs, actions)
        _check_finite(values, log_prob)
        return values, log_prob, entropy

    @torch.no_grad()
    def score(self, episodes: EpisodeBatch, reference: TokenModel | None = None) -> tuple[torch.Tensor, ...]:
        """Returns values and log-probs of the M chosen tokens as `evaluate_actions` does, each float32 ``(M,)``.

        With a ``reference`` the exact KL(π ‖ reference) at each context follows, in nat, float32 ``(M,)``.

        Raises:
            AgentError: If a value or a log-prob is not finite: the weights are spoilt.
        """
        hidden = self._hidden(episodes)
        values, law = self._values_of(episodes, hidden), self._law(episodes, hidden)
        divergence = () if reference is None else (law.kl(reference.episode_law(episodes)),)  # first, as in `_evaluate`
        log_prob = law.log_prob(episodes.actions)
        _check_finite(values, log_prob)
        return values, log_prob, *divergence

    def predict(  # type: ignore[override]  # SB3 types the recurrent state as arrays; ours is opaque
        self,
        observation: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
        action_masks: np.ndarray | None = None,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Returns the next token of one observation or of N, and the state to pass back at the next step.

        Args:
            observation: Of one environment or of a vector of them.
            state: What the last call returned: the KV cache. It is compared with the observations token by token, so
                a stale or foreign state costs time and changes nothing.
            episode_start: Accepted for SB3; the comparison tells a new episode.
            deterministic: Whether to take the likeliest token.
            action_masks: True for tokens that may be chosen, bool ``(V,)`` or ``(N, V)``; the name is sb3-contrib's.
            rngs: What the token of each observation is drawn with, so that it does not hang on what is played beside
                it; None takes `generator` for all.
        """
        if isinstance(observation, tuple):
            raise AgentError("predict() got a tuple: pass the observation of `obs, info = env.reset()`, not both.")
        self._check_whole()
        self.set_training_mode(False)
        input_ids = np.asarray(observation["input_ids"], np.int64)
        lengths = np.asarray(observation["attention_mask"]).sum(-1, dtype=np.int64)
        single = input_ids.ndim == 1
        input_ids, lengths = np.atleast_2d(input_ids), np.atleast_1d(lengths)
        weights = self._weights()
        if not isinstance(state, _Memory) or state.weights != weights or state.decoder.ids.shape != input_ids.shape:
            state = _Memory(self.token_model.decoder(*input_ids.shape), weights)
        if action_masks is not None:
            action_masks = np.broadcast_to(np.asarray(action_masks, bool), (len(lengths), self.token_model.vocab_size))
        prompts = np.reshape(observation["prompt_length"], -1) if "prompt_length" in observation else None
        choice = self.choose(state.decoder, input_ids, lengths, action_masks, deterministic, prompts, rngs)
        actions = choice.actions.cpu().numpy()
        return (actions[0] if single else actions), state

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        return self.forward(observation, deterministic)[0]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        law = self.token_model
        return {
            "observation_space": self.observation_space,
            "action_space": self.action_space,
            "lr_schedule": self._dummy_schedule,
            "model": self.lm.config.to_dict(),
            **self.options,
            "temperature": law.temperature,
            "top_k": law.top_k,
            "top_p": law.top_p,
            "min_p": law.min_p,
            **law.rules._asdict(),
            "precision": law.precision,
        }

    def _evaluate(
        self, obs: Observation | EpisodeBatch, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        hidden = self._hidden(obs)
        values, law = self._values_of(obs, hidden), self._law(obs, hidden)
        # First the entropy, so that the log-prob is read from its table.
        entropy = law.entropy() if self.differentiable_entropy else None
        log_prob = law.log_prob(actions)
        return values, log_prob, -log_prob.detach() if entropy is None else entropy

    def _hidden(self, obs: Observation | EpisodeBatch, model: TokenModel | None = None) -> torch.Tensor:
        """Returns the states that tokens are drawn from, ``(M, D)``; ``model`` is the policy's unless it is given."""
        self._check_whole()
        model = self.token_model if model is None else model
        save_memory = self.options["gradient_checkpointing"] and torch.is_grad_enabled()
        with recomputed(model.lm) if save_memory else nullcontext():
            if isinstance(obs, EpisodeBatch):
                return model.response_hidden(obs)
            return model.context_hidden(*_contexts(obs), _prompts(obs))

    def _law(self, obs: Observation | EpisodeBatch, hidden: torch.Tensor) -> TokenDistribution:
        """Returns the law of the next token, whose context's state is ``hidden``."""
        model = self.token_model
        if isinstance(obs, EpisodeBatch):
            return model.episode_law(obs, hidden)
        (input_ids, lengths), prompts = _contexts(obs), _prompts(obs)
        positions = None if prompts is None else lengths - prompts
        mask = model.restrict_contexts(input_ids, lengths, model.allowed(positions, None), prompts)
        return model.distribution(hidden, mask)

    def _values_of(self, obs: Observation | EpisodeBatch, hidden: torch.Tensor | None = None) -> torch.Tensor:
        """Returns V of contexts; ``hidden`` is what is known of them already, their state in the policy's model."""
        if self.value_model is not None or hidden is None:
            hidden = self._hidden(obs, self.value_model)
        return self._values(hidden)

    def _values(self, hidden: torch.Tensor) -> torch.Tensor:
        if not self.options["value_gradient"]:
            hidden = hidden.detach()
        return self.value_head(hidden.float()).squeeze(-1)

    def _choice(
        self,
        values: torch.Tensor,
        law: TokenDistribution,
        deterministic: bool,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> Choice:
        if deterministic:
            actions = law.mode()
        elif rngs is None:
            actions = law.sample(self.generator)
        else:
            uniforms = np.array([rng.random(law.halvings) for rng in rngs])
            actions = law.descend(self._tensor(uniforms))
        supports = law.support if self.token_model.cuts else None
        return Choice(actions, law.log_prob(actions), values, supports)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self.reduction is not None:
            self.reduction()
        optimizers.check_gradient(optimizer)

    def _check_whole(self) -> None:
        if self.sharding is not None:
            self.sharding.check_whole()

    def _weights(self) -> tuple[int, ...]:
        """Changes whenever the weights do: torch counts writes into a tensor, but not those of fused optimizers."""
        return self._updates, sum(parameter._version for parameter in self.parameters())

    def _count_update(self, *_: Any) -> None:
        self._updates += 1


def _check_finite(values: torch.Tensor, log_prob: torch.Tensor) -> None:
    for name, result in (("values", values), ("log-probabilities", log_prob)):
        if not torch.isfinite(result).all():
            raise AgentError(
                f"The policy's {name} are no longer finite. Lower learning_rate, and go on from a checkpoint."
            )


def _contexts(obs: Observation) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the tokens of B observations, int64 ``(B, L)``, and how many they are, int64 ``(B,)``."""
    return obs["input_ids"].long(), obs["attention_mask"].long().sum(-1)


def _prompts(obs: Observation) -> torch.Tensor | None:
    """Returns how many tokens the prompts of B observations have, int64 ``(B,)``, or None where nobody tells."""
    return obs["prompt_length"].long().reshape(-1) if "prompt_length" in obs else None
