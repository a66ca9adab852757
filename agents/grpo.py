"""RLOO, GRPO and Dr. GRPO: `REINFORCE` with the defaults of their papers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from .on_policy import Start
from .reinforce import REINFORCE

P = ParamSpec("P")


def with_defaults(init: Callable[P, None], **defaults: Any) -> Callable[P, None]:
    """Returns a constructor with other defaults, which its signature tells."""

    @wraps(init)
    def constructor(*args: P.args, **kwargs: P.kwargs) -> None:
        init(*args, **{**defaults, **kwargs})  # names are those of the signature

    signature = inspect.signature(init)
    parameters = [
        parameter.replace(default=defaults.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
    ]
    constructor.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return constructor


class RLOO(REINFORCE):
    """REINFORCE leave-one-out (Ahmadian et al. 2024, arXiv:2402.14740): the other samples of a prompt are the baseline.

        agent = RLOO("tiny", "TextGen-Sentiment-v0").learn(200_000)

    Unbiased, and without a value to learn. `REINFORCE` with ``n_samples=4``, the larger k of the paper (TRL: 2), and
    with its own ``baseline="leave_one_out"``, now of the prompt's group. As in the paper, the KL is part of the reward
    and nothing is clipped. The paper takes a completion for one action; here each token has the return from itself on,
    which is the same for a reward at the end, and less noisy for the KL.
    """

    __init__ = with_defaults(REINFORCE.__init__, n_samples=4)


class GRPO(REINFORCE):
    """Group relative policy optimisation (Shao et al. 2024, arXiv:2402.03300): returns are normalised by prompt.

        agent = GRPO("tiny", "TextGen-Sentiment-v0").learn(200_000)

    `REINFORCE` with ``n_samples=8`` (TRL's; the paper: 64), ``baseline="group"`` and ``normalize_advantage="group"``,
    that is Â = (R − mean) / std over the group; ``loss_type="grpo"``, the mean over the tokens of an episode and then
    over episodes; ``clip_range=0.2`` (TRL's), which acts from the second step of a rollout on. One step a rollout, as
    in the paper and in TRL.

    It is biased twice, by intent: dividing by the deviation favours prompts that are very hard or very easy, and the
    mean over each episode makes the tokens of long completions count less; `DrGRPO` does neither. There is no KL by
    default, as in TRL: priced in the reward it would be normalised with it, and where a whole group earns the same, be
    all there is to learn. The paper's is ``kl_coef=0.04, kl_estimator="k3", regularisation={"kl_in": "loss"}``.
    """

    pretrained = Start(learning_rate=3e-4, kl_coef=None)
    scratch = Start(learning_rate=3e-3, kl_coef=None)

    __init__ = with_defaults(
        REINFORCE.__init__,
        n_samples=8,
        baseline="group",
        normalize_advantage="group",
        clip_range=0.2,
        loss_type="grpo",
    )


class DrGRPO(GRPO):
    """GRPO done right (Dr. GRPO, Liu et al. 2025, arXiv:2503.20783): without its two biases.

        agent = DrGRPO("tiny", "TextGen-Sentiment-v0").learn(200_000)

    `GRPO` with ``normalize_advantage=False``, that is Â = R − mean over the group, and ``loss_type="dr_grpo"``, the sum
    over tokens divided by a constant. The gradient is the policy's, times 1 − 1 / n_samples: that of `RLOO`, shorter.
    """

    __init__ = with_defaults(GRPO.__init__, normalize_advantage=False, loss_type="dr_grpo")
