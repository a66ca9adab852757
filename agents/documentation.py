"""The page `docs/agents.md`, made from the agents themselves: ``python -m textgym.agents.documentation FILE``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from textgym.rewards.documentation import markdown, table

from . import ALGORITHMS
from .on_policy import EpisodicAlgorithm


class Counterpart(NamedTuple):
    """What another library calls the same algorithm, or the nearest that it has.

    Attributes:
        name: The class, as one imports it.
        defaults: Its defaults by *our* names; None takes those of its constructor, by name.
        also: What it calls the arguments that it names otherwise, by our names.
    """

    name: str
    defaults: Mapping[str, Any] | None = None
    also: Mapping[str, str] = {}


def _trl(config: str, **defaults: Any) -> Counterpart:
    """Of TRL, which does not have to be installed: the defaults of version 1, read from its sources."""
    names = {
        "n_samples": "num_generations",
        "n_epochs": "num_iterations",
        "clip_range": "epsilon",
        "kl_coef": "beta",
        "normalize_advantage": "scale_rewards" if config == "GRPOConfig" else "normalize_advantages",
    }
    return Counterpart(f"trl.{config}", defaults, {ours: name for ours, name in names.items() if ours in defaults})


SB3_PPO = Counterpart("stable_baselines3.PPO")
TRL_GRPO = _trl(
    "GRPOConfig",
    learning_rate=1e-6,
    n_samples=8,
    n_epochs=1,
    clip_range=0.2,
    normalize_advantage="group",
    loss_type="dapo",
    kl_coef=0.0,
    max_grad_norm=1.0,
)
COUNTERPARTS: dict[str, Counterpart | None] = {
    "PPO": SB3_PPO,
    "A2C": Counterpart("stable_baselines3.A2C"),
    "TRPO": Counterpart("sb3_contrib.TRPO"),
    "REINFORCE": SB3_PPO,
    "RLOO": _trl(
        "RLOOConfig",
        learning_rate=1e-6,
        n_samples=2,
        n_epochs=1,
        clip_range=0.2,
        normalize_advantage=False,
        kl_coef=0.05,
        max_grad_norm=1.0,
    ),
    "GRPO": TRL_GRPO,
    "DrGRPO": TRL_GRPO,
    "NLPO": SB3_PPO,
    "SFT": _trl("SFTConfig", learning_rate=2e-5, max_grad_norm=1.0),
    "ExpertIteration": None,
}
"""What the defaults of each class are compared with; None where no library that we know has it."""

REASONS: dict[str, dict[str, str]] = {
    "*": {
        "gamma": "It belongs to the environment: another number would discount the return twice.",
        "gae_lambda": "The reward comes at the end, after few tokens; bootstrapping would lean on a new value head.",
        "batch_size": "Counts tokens; gradients over a large vocabulary are noisier than over a few actions.",
        "n_epochs": "A pretrained policy is close to good ones and easily spoilt.",
        "normalize_advantage": "Once a task is solved, what is left of the advantages is noise; blown up to unit size "
        "it destroyed solved policies.",
        "vf_coef": "Value and language model share their body, which is the language model's first of all.",
        "max_grad_norm": "The custom of language models.",
        "learning_rate": "Pretrained weights are easily spoilt; random ones are not.",
        "n_steps": "A step of a language model costs little more for 64 contexts than for one, so rollouts are wide.",
    },
    "A2C": {
        "n_steps": "Each rollout makes one step of the optimizer only, which is to see many episodes.",
        "learning_rate": "There is one step where PPO makes many.",
        "use_rms_prop": "A language model is trained by Adam, here as before.",
    },
    "TRPO": {
        "n_steps": "Each rollout makes one step only, on all of its tokens at once: it bounds the memory.",
        "cg_max_steps": "Learnt as fast as 10, in less time.",
        "n_critic_updates": "Learnt as fast as 10, in less time.",
        "target_kl": "Nat a token, in the one step that a rollout makes; 0.01 crept.",
    },
    "REINFORCE": {
        "n_steps": "Each rollout makes one step of the optimizer only, which is to see many episodes.",
        "batch_size": "Counts tokens, and only bounds the memory: the gradient is that of the whole rollout.",
        "n_epochs": "One step a rollout is what is unbiased.",
        "clip_range": "Nothing to clip in the one step that follows a rollout.",
        "learning_rate": "There is one step where PPO makes many.",
    },
    "RLOO": {
        "learning_rate": "TRL's is for models of billions of weights; ours start with thousands to millions.",
        "n_samples": "The larger k of the paper.",
        "clip_range": "As in the paper: nothing is clipped.",
        "kl_coef": "The same for a pretrained model; random weights hold no language to keep.",
    },
    "GRPO": {
        "learning_rate": "TRL's is for models of billions of weights; ours start with thousands to millions.",
        "loss_type": "The paper's, whose biases the class stands for; TRL has since gone on to DAPO's.",
        "kl_coef": "No reference is kept, as there, where 0.0 means that.",
    },
    "DrGRPO": {
        "learning_rate": "TRL's is for models of billions of weights; ours start with thousands to millions.",
        "loss_type": "The paper's, which weighs all tokens alike.",
        "normalize_advantage": "The paper's: dividing by the deviation favours very hard and very easy prompts.",
        "kl_coef": "No reference is kept, as there, where 0.0 means that.",
    },
    "SFT": {
        "learning_rate": "TRL's is for models of billions of weights; ours start with thousands to millions.",
    },
}
"""Why a default is not the counterpart's, by class and argument; ``"*"`` holds for every class that has none."""

AUTO = ("learning_rate", "kl_coef")
"""Arguments whose ``"auto"`` is told by the class, for a pretrained model and for random weights."""

PLAYERS = ("RandomAgent", "ZeroShot", "Greedy", "BeamSearch", "BestOfN", "MajorityVote", "Replay")

OWN = (
    ("custom_agent.py", "an agent is whatever has `predict`; also a function from prompt to completion"),
    ("lstm_policy.py", "a policy network in plain PyTorch with a loop of its own, evaluated as an agent"),
    ("custom_algorithm.py", "an algorithm as a subclass: rollouts, checkpoints and logging are inherited"),
    ("cleanrl_loop.py", "a training loop with none of our agents"),
    ("stock_sb3.py", "Stable-Baselines3's own classes with our policy"),
    ("custom_reward.py", "a reward of your own"),
)
"""Examples to start from, and what each shows."""

HEADER = """# Agents

Made from the code by `make docs`.

Every algorithm has Stable-Baselines3's names and order of arguments, and defaults that suit text. This page lists each
default that is not the counterpart's, and why. γ, rewards and endings belong to the
[environment](environments/README.md).
"""

CLOSING = """## Watching a run

SB3's callbacks work as they are: `EvalCallback`, `CheckpointCallback`, `StopTrainingOnRewardThreshold`,
`ProgressBarCallback`. In `textgym.agents.callbacks` there are two more, which `textgym train` uses:

- `Evaluation(every, episodes, metric=…, best=…)` plays the validation prompts every so many tokens, logs every score as
  `eval/…`, and keeps the best agent by a score that is *not* the trained reward, where the task has one.
- `SampleTable(every, path)` writes what the agent answers to the same prompts, again and again.

`textgym train --wandb PROJECT` logs to Weights & Biases by its own integration (`pip install 'textgym[wandb]'`); in
Python, open a run with `wandb.init(sync_tensorboard=True)` and give `wandb.integration.sb3.WandbCallback` to `learn`.
"""


class Argument(NamedTuple):
    """An argument of an algorithm, and how it compares.

    Attributes:
        name: Ours.
        default: As the page shows it.
        theirs: The counterpart's default, as the page shows it; None where it has no such argument.
        differs: Whether the two differ.
    """

    name: str
    default: str
    theirs: str | None
    differs: bool


def arguments(name: str) -> list[Argument]:
    """Returns the arguments of an algorithm, in order; the model and the environment are left out."""
    cls, found = _class(name), []
    theirs = _their_defaults(name)
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.name in ("model", "env"):
            continue
        shown = _default(cls, parameter.name, parameter.default)
        other = _value(theirs[parameter.name]) if parameter.name in theirs else None
        found.append(Argument(parameter.name, shown, other, other is not None and shown != other))
    return found


def reason(name: str, argument: str) -> str | None:
    """Returns why a default of an algorithm is not its counterpart's, or None where nobody wrote it down."""
    for cls in (name, *(base.__name__ for base in _class(name).__mro__[1:]), "*"):
        if argument in REASONS.get(cls, {}):
            return REASONS[cls][argument]
    return None


def page() -> str:
    """Returns the page, in Markdown."""
    return "\n".join([HEADER, *_overview(), *(line for name in COUNTERPARTS for line in _section(name)), *_others()])


def _class(name: str) -> Any:
    return getattr(import_module(__package__ or ""), name)


def _their_defaults(name: str) -> Mapping[str, Any]:
    counterpart = COUNTERPARTS[name]
    if counterpart is None or counterpart.defaults is not None:
        return {} if counterpart is None or counterpart.defaults is None else counterpart.defaults
    module, _, attribute = counterpart.name.rpartition(".")
    parameters = inspect.signature(getattr(import_module(module), attribute)).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def _default(cls: type[EpisodicAlgorithm], name: str, default: Any) -> str:
    if name not in AUTO or default != "auto":
        return _value(default)
    pretrained, scratch = (_value(getattr(start, name)) for start in (cls.pretrained, cls.scratch))
    return pretrained if pretrained == scratch else f"{pretrained} (random weights: {scratch})"


def _value(value: Any) -> str:
    return f"`{value!r}`"


def _overview() -> Iterator[str]:
    rows = [
        (f"[`{cls}`](#{cls.lower()})", f"`{command}`", _summary(_class(cls)), f"`{other.name}`" if other else "")
        for command, cls in ALGORITHMS.items()
        for other in [COUNTERPARTS[cls]]
    ]
    yield table(("class", "`--algo`", "what", "compared with"), rows)


def _section(name: str) -> Iterator[str]:
    counterpart, cls = COUNTERPARTS[name], _class(name)
    listed = arguments(name)
    yield f"## {name}\n"
    yield f"{_summary(cls)}\n"
    if counterpart is not None:
        rows = [
            (
                f"`{one.name}`" + (f" (`{counterpart.also[one.name]}`)" if one.name in counterpart.also else ""),
                one.default,
                one.theirs or "",
                reason(name, one.name) or "",
            )
            for one in listed
            if one.differs
        ]
        yield table(("default", "here", f"`{counterpart.name}`", "why"), rows)
        if same := [f"`{one.name}`" for one in listed if one.theirs is not None and not one.differs]:
            yield f"The same as there: {', '.join(same)}.\n"
    if own := [f"`{one.name}` = {one.default}" for one in listed if one.theirs is None]:
        yield f"{'Arguments' if counterpart is None else 'Others'}: {', '.join(own)}.\n"


def _others() -> Iterator[str]:
    yield "## Agents that do not learn\n"
    yield table(("class", "what"), [(f"`{name}`", _summary(_class(name))) for name in PLAYERS])
    yield (
        "Every command, and `textgym.agents.load`, make them from a text, such as `best_of_n(runs/demo, n=8)`; "
        "`textgym evaluate --help` lists the forms.\n"
    )
    yield "## Your own\n"
    yield table(("example", "shows"), [(f"[`{file}`](../examples/{file})", text) for file, text in OWN])
    yield (
        "Commands find an agent of yours as `module:Class`, as `path/to/file.py:Class`, or, from an installed package, "
        "by the name of an entry point of the group `textgym.agents`; one that has `learn` is trained by "
        "`textgym train --algo NAME`.\n"
    )
    yield CLOSING


def _summary(cls: Any) -> str:
    return markdown(inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
