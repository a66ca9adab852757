"""What the algorithms share: an environment, a model, whole-episode rollouts, and a price on leaving the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv

from textgym.errors import AgentError, ModelError, RewardError
from textgym.evaluation import Episode, Report, evaluate
from textgym.tasks import Task
from textgym.tokenizers import Tokenizer

from . import checkpoint, kl, lora
from .alarms import Alarms, Measures, repetition
from .buffers import EpisodeBuffer, generalized_advantage_estimation
from .episodes import Episodes
from .joint_update import begin_together
from .models import ModelSpec, frozen_copy, lasting_name, model_tokenizer, placed_device
from .policy import TransformerPolicy
from .ranks import Ranks
from .regularisation import Regularisation, RewardShaper, cut_off
from .rollouts import collect_episodes
from .sb3 import Detached, as_vec_env, make_vec_env
from .sharding import OWN, REFERENCE, Sharding
from .spaces import check_spaces
from .token_model import EpisodeBatch, TokenModel
from .traces import Discounting, Trace, token_traces
from .trainable import check_learns

TOKENS, MINIBATCHES, WEIGHTS, ENVIRONMENTS = range(4)
"""Keys of an agent's random streams; each is seeded by a hash of the seed and the key."""

CHECKED_EVERY = 16
"""Rollouts between two checks that all ranks still have the same weights."""


class Start(NamedTuple):
    """What ``"auto"`` means for an agent, by what it starts from."""

    learning_rate: float
    kl_coef: float | None


class EpisodicAlgorithm(OnPolicyAlgorithm):
    """An SB3 on-policy algorithm whose rollouts are whole episodes of text.

    Stands *under* SB3's own class (``class PPO(SB3PPO, EpisodicAlgorithm)``): that class keeps its constructor and its
    ``train()``, and finds set-up, collection, saving and loading here.

    Attributes:
        reference: The frozen model that the KL is measured to, or None.
        base_name, base_digest: Where the model under an adapter is found, if anywhere; the hash of it, once known.
        kl: What a nat of KL costs, or None.
        regularisation: What else holds the policy back.
        shaper: Makes the rewards that are learnt from of the task's.
        alarms: Watches for signs of a run that goes wrong.
        ranks: The processes that train this agent together; see `textgym.agents.ranks`.
        joins_ranks: Whether the class trains in several processes; one that has a ``train()`` of its own says so where
            it takes the steps of its optimizer in a `joint_update`.
        shares_weights: Whether ranks may share its weights (``fsdp``): it computes gradients by `evaluate_actions`.
    """

    rollout_buffer: EpisodeBuffer  # type: ignore[assignment]  # SB3's train() reads get, values and returns alone
    policy: TransformerPolicy  # type: ignore[assignment]
    reference: TokenModel | None
    base_name: str | None
    base_digest: str | None
    kl: kl.KLController | None
    regularisation: Regularisation
    shaper: RewardShaper
    alarms: Alarms
    ranks: Ranks
    joins_ranks: ClassVar[bool] = False
    shares_weights: ClassVar[bool] = False
    pretrained: ClassVar[Start]
    scratch: ClassVar[Start]
    _begun = 0
    """The rollout that is collected or learnt from, counted from 1; 0 before the first of a call of `learn`."""

    def _connect(self, arguments: dict[str, Any]) -> VecEnv | None:
        """Finds the environment; runs before SB3's constructor, and keeps what that one does not take.

        Args:
            arguments: Those of the agent's constructor, by name. What was left to choose is filled in, so that an
                agent that is loaded is constructed with the same.
        """
        self._model: ModelSpec = arguments["model"]
        self.ranks = Ranks.current()
        if self.ranks.size > 1 and not self.joins_ranks:
            raise AgentError(
                f"{type(self).__name__} trains in one process, and a launcher started {self.ranks.size}. Start it "
                "without, or choose PPO, A2C, NLPO, REINFORCE, RLOO, GRPO, Dr. GRPO, SFT or expert iteration."
            )
        self.ranks.use_device(arguments["device"])
        source, kwargs = arguments["env"], dict(arguments["env_kwargs"] or {})
        tokenizer = model_tokenizer(self._model)
        env: VecEnv | None
        if isinstance(source, str | Task):
            n_envs = self._own_envs(arguments)
            env = make_vec_env(source, n_envs, **kwargs)
            if tokenizer is not None and "tokenizer" not in kwargs and not _speaks(env, tokenizer.fingerprint):
                kwargs["tokenizer"] = tokenizer.name
                env = make_vec_env(source, n_envs, **kwargs)
        elif kwargs:
            raise AgentError(
                f"env_kwargs are options for an environment made here, from its id. Actual value: {kwargs}. Give them "
                "to the environment itself."
            )
        elif isinstance(source, Detached):
            env, self.n_envs = None, arguments["n_envs"]
            self.observation_space, self.action_space = source.observation_space, source.action_space
        else:
            env = as_vec_env(source)
        if env is not None and tokenizer is not None and not _speaks(env, tokenizer.fingerprint):
            raise ModelError(
                f"The model {self._model!r} was trained on the tokens of {tokenizer!r}, the environment has those of "
                f"{env.get_attr('task')[0].tokenizer!r}. Make the environment with tokenizer={tokenizer.name!r}."
            )
        arguments["env_kwargs"] = kwargs
        arguments["gamma"] = _gamma(arguments["gamma"], env)
        law = dict(arguments["policy_kwargs"] or {})
        if law.get("min_new_tokens") and law.get("eos_id") is None and env is not None and env.has_attr("task"):
            arguments["policy_kwargs"] = {**law, "eos_id": env.get_attr("task")[0].tokenizer.eos_id}
        if arguments["seed"] is None:
            arguments["seed"] = int(np.random.SeedSequence().generate_state(1)[0])
        random = isinstance(self._model, dict) or self._model == "scratch"
        for name, value in (self.scratch if random else self.pretrained)._asdict().items():
            if arguments[name] == "auto":
                arguments[name] = value
        self.arguments = {name: arguments[name] for name in arguments if name not in ("self", "model", "__class__")}
        self.reference_name = self._model if isinstance(self._model, str) else None
        self.base_name, self.base_digest = lasting_name(self._model), None
        self._rollouts = 0
        return env

    def _own_envs(self, arguments: dict[str, Any]) -> int:
        """Returns how many environments this rank plays."""
        return self.ranks.share(arguments["n_envs"], arguments.get("n_samples", 1))

    @property
    def task(self) -> Task | None:
        """The task of the environment, where it has one."""
        return self.env.get_attr("task")[0] if self.env is not None and self.env.has_attr("task") else None

    @property
    def tokenizer(self) -> Tokenizer | None:
        """What the ids that this agent writes mean; an evaluation plays it with this vocabulary."""
        return None if self.task is None else self.task.tokenizer

    def learn(self, *args: Any, **kwargs: Any) -> Self:
        """Learns as SB3 does; what stops it, such as a reward that is no number, is raised with where it happened."""
        self._begun = 0
        try:
            with self.ranks.telling():
                learnt = super().learn(*args, **kwargs)
                if self.policy.sharding is not None:
                    self.policy.sharding.rest()
                return learnt
        except (AgentError, RewardError) as error:
            if not self._begun:
                raise
            where = f"It happened in rollout {self._begun}, {self.num_timesteps:,} tokens into the training."
            raise type(error)(f"{error} {where}") from error

    def set_env(self, env: Any, force_reset: bool = True) -> None:
        """Sets the environment to learn from, a Gymnasium vector environment or an SB3 VecEnv of the same size."""
        super().set_env(as_vec_env(env), force_reset)

    def _setup_model(self) -> None:
        if "model" in self.policy_kwargs:
            raise AgentError("The model is the first argument of the agent; leave it out of policy_kwargs.")
        vocab_size, _ = check_spaces(self.observation_space, self.action_space)
        self._setup_lr_schedule()
        policy = TransformerPolicy(
            self.observation_space,
            self.action_space,
            self.lr_schedule,
            model=self._model,
            seed=self._stream(WEIGHTS),
            **{**self.policy_kwargs, **(self.arguments["policy_kwargs"] or {})},
        )
        learns_value = self.vf_coef > 0 and getattr(self, "baseline", "value") == "value"
        check_learns(policy.options["train"], learns_value, type(self).__name__)
        if (self.arguments["policy_kwargs"] or {}).get("device_map") is not None:
            self.device = placed_device(policy.lm, self.arguments["device"])
        self.policy = policy.to(self.device)
        if policy.options["fsdp"] and self.ranks.size > 1:
            if not self.shares_weights:
                raise AgentError(
                    "fsdp=True is for PPO, A2C, REINFORCE, RLOO, GRPO and Dr. GRPO. Actual value: "
                    f"{type(self).__name__}. Leave it out: each rank then holds the whole model."
                )
            policy.sharding = Sharding(policy, self.ranks)
        self.policy.differentiable_entropy = self.ent_coef != 0
        self.rollout_buffer = EpisodeBuffer(vocab_size, self.device, ranks=self.ranks)
        self.set_random_seed(self.seed)
        self._setup_reference()

    def _setup_reference(self) -> None:
        coef = self.arguments["kl_coef"]
        options = self.regularisation = Regularisation.of(self.arguments.get("regularisation"))
        self.shaper, self.alarms = RewardShaper(options, self.ranks), Alarms()
        if options.kl_in == "loss" and coef is None:
            raise AgentError(
                "regularisation={'kl_in': 'loss'} needs a reference, and kl_coef=None keeps none. Give kl_coef."
            )
        self._estimate_kl = kl.estimator(self.arguments["kl_estimator"], options.kl_in)
        self.kl = None if coef is None else kl.controller(coef, self.arguments["kl_target"], options.kl_controller)
        self.reference = None
        if coef is not None:
            law, lm = self.policy.token_model, self.policy.lm
            lm = lora.base_of(lm) if lora.adapted(lm) else frozen_copy(lm)
            # Its law is never truncated by top_k or top_p, so that no token is infinitely far from it.
            self.reference = TokenModel(lm, law.vocab_size, law.temperature, precision=law.precision)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Starts the agent's own generators anew; unlike SB3's, it leaves the global ones alone."""
        if seed is not None:
            self.seed = seed
            self.policy.reseed(self._stream(TOKENS))
            self.rollout_buffer.rng = np.random.default_rng(self._stream(MINIBATCHES))

    def _stream(self, *key: int) -> int:
        return int(np.random.SeedSequence([self.seed or 0, *key]).generate_state(1, np.uint64)[0] >> 1)

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: EpisodeBuffer,  # type: ignore[override]  # SB3's own buffer, in its types
        n_rollout_steps: int,
    ) -> bool:
        """Plays whole episodes, shapes their rewards, prices their KL, and estimates their advantages.

        Returns False if a callback stopped.

        Rollout k resets the environments with seeds hashed from (seed, k): a run that is resumed between two rollouts
        needs nothing of the environments' state.
        """
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        self._begun = self._rollouts + 1
        rollout_buffer.reset()
        self._seed_environments(env)
        if self.ranks.size > 1:
            self._seed_tokens()
            rollout_buffer.rng = np.random.default_rng(self._stream(MINIBATCHES, self.ranks.rank, self._rollouts))
        start = self.num_timesteps
        with self._whole(OWN):
            infos = collect_episodes(self, env, callback, rollout_buffer, n_rollout_steps)
            if self._meet(start, infos is None) or infos is None:
                return False
            self._rollouts += 1
            episodes = rollout_buffer.seal()
            if self.policy.token_model.reduced_precision:
                # bfloat16 rounds a cached step and a whole pass differently; the ratio must start at 1 in the update's.
                log_probs, values = episodes.score(self._score, self.device)
                episodes = rollout_buffer.episodes = episodes._replace(log_probs=log_probs, values=values)
        cut = cut_off(episodes, infos)
        rewards = self.shaper(episodes.rewards, episodes.response_mask, cut)
        reference = self._reference_log_probs(episodes)
        log_ratio = None if reference is None else episodes.log_probs - reference
        if self.kl is not None and log_ratio is not None:
            if self.regularisation.kl_in == "reward":
                rewards = rewards - self.kl.coef * self._estimate_kl(log_ratio)
            else:
                episodes = rollout_buffer.episodes = episodes._replace(reference_log_probs=reference)
            self._kl_coef = self.kl.coef
            self.logger.record("train/kl_coef", self.kl.coef)
            self.kl.update(self.ranks.mean(log_ratio[episodes.response_mask]))
        rollout_buffer.advantages, rollout_buffer.targets = self._advantages(episodes, rewards)
        self._log(episodes, infos)
        if self.ranks.first:  # one warning is enough
            self._watch(episodes, cut, log_ratio)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _seed_environments(self, env: VecEnv) -> None:
        """Gives the environments of a rank the seeds that they have where one process plays all."""
        env.seed(self._stream(ENVIRONMENTS, self._rollouts) + self.ranks.rank * env.num_envs)

    def _seed_tokens(self) -> None:
        """Gives a rank of several its own stream of tokens, anew each rollout, so that a resumed run needs no state."""
        self.policy.reseed(self._stream(TOKENS, self.ranks.rank, self._rollouts))

    def _meet(self, start: int, stopped: bool) -> bool:
        """Waits for all ranks to have played; returns whether one was stopped, and counts the tokens of all.

        Now and then it looks whether all ranks still have the same weights.

        Args:
            start: Tokens that were counted when the rollout began.
            stopped: Whether a callback stopped this rank.
        """
        if self.ranks.size == 1:
            return stopped
        tokens, stops = self.ranks.sum([self.num_timesteps - start, stopped])
        self.num_timesteps = start + int(tokens)
        if self._rollouts % CHECKED_EVERY == 0:
            self.ranks.check_equal(self.policy.parameters())
        return bool(stops)

    def _whole(self, *names: str) -> AbstractContextManager[None]:
        """Gives a context in which this rank holds whole models; see `Sharding.whole`."""
        sharding = self.policy.sharding
        return nullcontext() if sharding is None else sharding.whole(*names)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Gives a context in which the first rank alone works, for which it is given True; the others wait at its end.

        All ranks enter it together. The first one may play, evaluate and save in it; see `Ranks.alone`.
        """
        sharding = self.policy.sharding
        at_hand = nullcontext() if sharding is None else sharding.at_hand()
        with self._whole(OWN, REFERENCE), at_hand, self.ranks.alone() as first:
            yield first

    def _advantages(self, episodes: Episodes, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns advantages and value targets, each float32 ``(E, T)``."""
        return generalized_advantage_estimation(
            rewards, episodes.values, episodes.response_mask, self.gamma, self.gae_lambda
        )

    def _score(self, batch: EpisodeBatch) -> torch.Tensor:
        values, log_probs = self.policy.score(batch)
        return torch.stack([log_probs, values])

    def _reference_log_probs(self, episodes: Episodes) -> np.ndarray | None:
        """Returns log π_ref of each token, float32 ``(E, T)``, in one pass of the reference, or None without one."""
        if self.reference is None:
            return None
        reference, chosen = self.reference, episodes.response_mask
        with self._whole(REFERENCE):
            (log_probs,) = episodes.score(lambda batch: reference.log_probs(batch)[None], self.device)
        self.logger.record("rollout/kl", self.ranks.mean((episodes.log_probs - log_probs)[chosen]))
        self.logger.record("rollout/perplexity", float(np.exp(-log_probs[chosen].mean())))
        return log_probs

    @contextmanager
    def kl_in_loss(self) -> Iterator[None]:
        """Gives a context in which ``train()`` adds ``kl_coef`` times the KL to its loss, where that is asked for.

        A ``train()`` of SB3 subtracts from its loss ``ent_coef`` times the mean of what `evaluate_actions` returns as
        the entropy. In here ``ent_coef`` is 1, and that is ent_coef H − kl_coef KL.
        """
        if self.regularisation.kl_in == "reward":
            yield
            return
        evaluate_actions, ent_coef = self.policy.evaluate_actions, self.ent_coef
        seen: list[tuple[float, float]] = []

        def with_kl(obs: Any, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            values, log_prob, entropy = evaluate_actions(obs, actions)
            divergence = self._estimate_kl(log_prob - obs.reference_log_probs)
            seen.append((float(entropy.detach().mean()), float(divergence.detach().mean())))
            return values, log_prob, ent_coef * entropy - self._kl_coef * divergence

        self.ent_coef, self.policy.evaluate_actions = 1.0, with_kl  # type: ignore[method-assign]
        try:
            yield
        finally:
            del self.policy.evaluate_actions
            self.ent_coef = ent_coef
        entropy, divergence = np.mean(seen, axis=0)
        self.logger.record("train/entropy_loss", -entropy)
        self.logger.record("train/kl_loss", divergence)

    def _watch(self, episodes: Episodes, cut: np.ndarray, log_ratio: np.ndarray | None) -> None:
        """Logs what the alarms watch, and whether they are on."""
        chosen, totals = episodes.response_mask, episodes.rewards.sum(1)
        kls = None if log_ratio is None else log_ratio[chosen]
        measures = Measures(
            kl=None if kls is None else float(kls.mean()),
            kl_error=0.0 if kls is None else float(kls.std() / np.sqrt(len(kls))),
            entropy=float(-episodes.log_probs[chosen].mean()),
            length=float(chosen.sum(1).mean()),
            cut=float(cut.mean()),
            repetition=repetition(episodes),
            reward=float(totals.mean()),
            best=float(totals.max()),
            worst=float(totals.min()),
            zero_variance_groups=self.logger.name_to_value.get("rollout/zero_variance_groups"),
        )
        self.logger.record("rollout/cut_off", measures.cut)
        if measures.repetition is not None:
            self.logger.record("rollout/repetition", measures.repetition)
        for name, on in self.alarms.update(measures).items():
            self.logger.record(f"alarm/{name}", on)

    def _log(self, episodes: Episodes, infos: list[dict[str, Any]]) -> None:
        """Logs a rollout; entropy is estimated by −log π of the tokens drawn, in nat a token."""
        chosen = episodes.response_mask
        self.logger.record("rollout/entropy", float(-episodes.log_probs[chosen].mean()))
        self.logger.record("rollout/completion_length", float(chosen.sum(1).mean()))
        terms: dict[str, list[float]] = {}
        for info in infos:
            for name, value in info.get("reward_terms", {}).items():
                terms.setdefault(name, []).append(value)
        for name, values in terms.items():
            self.logger.record(f"reward/{name}", float(np.mean(values)))

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        tb_log_name: str = "run",
        progress_bar: bool = False,
    ) -> Any:
        if self.env is None:
            raise AgentError(
                "This agent was loaded without the environment it was trained on, which was not given by id. Give one: "
                "load(path, env=…) or set_env(…)."
            )
        if not total_timesteps > 0:
            raise AgentError(
                f"total_timesteps is the number of tokens to learn from. Actual value: {total_timesteps!r}."
            )
        if self.ranks.size > 1:
            begin_together(self)
        if not self.ranks.first:
            self.verbose, self.tensorboard_log, progress_bar = 0, None, False
        return super()._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
        action_masks: np.ndarray | None = None,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Returns the next token of each observation, and the state to pass back; see `TransformerPolicy.predict`."""
        return self.policy.predict(observation, state, episode_start, deterministic, action_masks, rngs)

    def seeded(self, seed: int) -> AbstractContextManager[None]:
        """Returns a context in which `predict` draws from ``seed``; training goes on afterwards as if nothing was."""
        return self.policy.seeded(seed)

    def evaluate(self, episodes: int = 256, seed: int = 0, split: str = "test", **kwargs: Any) -> Report:
        """Plays the agent on held-out prompts of its own environment; see `textgym.evaluation.evaluate`."""
        task = self.arguments["env"] if isinstance(self.arguments["env"], str | Task) else self.task
        if task is None:
            raise AgentError("This agent's environment has no task to evaluate on. Use textgym.evaluate(agent, id).")
        own = {name: value for name, value in self.arguments["env_kwargs"].items() if name != "split"}
        return evaluate(self, task, episodes=episodes, seed=seed, split=split, **{**own, **kwargs})

    def log_likelihood(self, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> np.ndarray:
        """Returns log p(completion | prompt), float64 ``(E,)``; see `TransformerPolicy.log_likelihood`."""
        return self.policy.log_likelihood(prompts, completions)

    def kl_to_reference(self, episodes: Sequence[Episode]) -> float:
        """Returns KL(π ‖ reference) in nat a token, over the contexts that ``episodes`` went through.

        Raises:
            AgentError: If the agent has no reference.
        """
        lengths = [episode.length for episode in episodes]
        return float(np.average(self.kls_to_reference(episodes), weights=lengths))

    def kls_to_reference(self, episodes: Sequence[Episode]) -> np.ndarray:
        """Returns KL(π ‖ reference) in nat a token of each episode, float64 ``(E,)``, over its contexts.

        Each context contributes its exact divergence, over the whole vocabulary: less noisy than any estimator that
        sees only the token drawn.

        Raises:
            AgentError: If the agent has no reference.
        """
        if self.reference is None:
            raise AgentError("This agent keeps no reference (kl_coef=None). Train it with kl_coef=0.0 to measure only.")
        reference, policy = self.reference, self.policy.token_model
        masked = self.env is not None and self.env.has_attr("masks_actions") and self.env.get_attr("masks_actions")[0]
        mask = self.env.env_method("action_masks")[0] if masked and self.env is not None else None
        written = Episodes.of(
            [episode.prompt_ids for episode in episodes],
            [episode.completion_ids for episode in episodes],
            mask,
            policy.vocab_size,
            [episode.completion_mask for episode in episodes],
        )
        (divergence,) = written.score(
            lambda batch: policy.episode_law(batch).kl(reference.episode_law(batch))[None], self.device
        )
        return divergence.sum(1, dtype=np.float64) / written.response_mask.sum(1)

    def token_traces(self, episodes: Sequence[Episode], action_mask: np.ndarray | None = None) -> list[Trace]:
        """Returns what this agent says of each token of some episodes; see `textgym.agents.traces`."""
        discounting = Discounting(self.gamma, self.gae_lambda)
        return token_traces(self.policy, episodes, action_mask, self.reference, discounting)

    def extra_state(self) -> dict[str, Any]:
        """Returns what else changes from rollout to rollout, as JSON; see `textgym.agents.checkpoint`."""
        return {"shaper": self.shaper.state_dict(), "alarms": self.alarms.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restores what `extra_state` returned."""
        self.shaper.load_state_dict(state["shaper"])
        self.alarms.load_state_dict(state["alarms"])

    def save(self, path: str | Path) -> None:  # type: ignore[override]  # a folder, never an open file
        """Saves the whole agent to a folder, at once or not at all; see `textgym.agents.checkpoint`.

        Of several ranks the first one saves, and the others go on at once; ``agent.ranks.wait()`` waits for it.

        Raises:
            AgentError: If ranks share the weights (``fsdp``) and learn, and this is not in `alone`.
        """
        if self.ranks.first:
            if self.policy.sharding is not None:
                self.policy.sharding.check_saveable()
            checkpoint.save(self, path)

    def export(self, path: str | Path, *, push_to_hub: str | None = None) -> Path:
        """Writes the language model as a plain Hugging Face folder; see `textgym.agents.export`."""
        from .exporting import export

        return export(self, path, push_to_hub=push_to_hub)

    @classmethod
    def load(  # type: ignore[override]
        cls, path: str | Path, env: Any = None, device: torch.device | str = "auto", **changes: Any
    ) -> Self:
        """Loads an agent that `save` wrote, ready to go on learning.

        Args:
            path: The folder.
            env: Its environment; None makes the one that it was trained on, where that was given by id.
            device: Where it runs.
            **changes: Arguments of the constructor that should differ.

        Raises:
            RunError: If the folder is missing, incomplete or damaged.
            AgentError: If it holds an agent of another class, or one whose environment must be given.
        """
        return checkpoint.load_agent(cls, path, env, device, changes)


def _speaks(env: VecEnv, fingerprint: str) -> bool:
    """Whether an environment's ids mean what a tokenizer's do; one that does not tell is believed."""
    return not env.has_attr("task") or env.get_attr("task")[0].tokenizer.fingerprint == fingerprint


def _gamma(gamma: float | None, env: VecEnv | None) -> float:
    own = env.get_attr("gamma")[0] if env is not None and env.has_attr("gamma") else gamma
    if gamma is not None and gamma != own:
        raise AgentError(
            f"gamma={gamma} meets an environment with gamma={own}: the return would be discounted twice. Leave it out "
            f"here, and make the environment with gamma={gamma}."
        )
    return 1.0 if own is None else float(own)
