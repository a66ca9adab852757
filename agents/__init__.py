"""Transformer agents that learn textgym's environments; importing this package loads no model library.

>>> from textgym.agents import PPO
>>> agent = PPO("scratch", "TextGen-Numbers-v0", n_envs=8, seed=0)
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .a2c import A2C as A2C
    from .alarms import AlarmWarning as AlarmWarning
    from .baselines import Greedy as Greedy
    from .baselines import RandomAgent as RandomAgent
    from .baselines import ZeroShot as ZeroShot
    from .beam_search import BeamSearch as BeamSearch
    from .best_of_n import BestOfN as BestOfN
    from .callbacks import Evaluation as Evaluation
    from .callbacks import SampleTable as SampleTable
    from .expert_iteration import ExpertIteration as ExpertIteration
    from .exporting import export as export
    from .grpo import GRPO as GRPO
    from .grpo import RLOO as RLOO
    from .grpo import DrGRPO as DrGRPO
    from .loading import load as load
    from .majority import MajorityVote as MajorityVote
    from .nlpo import NLPO as NLPO
    from .policy import TransformerPolicy as TransformerPolicy
    from .ppo import PPO as PPO
    from .reinforce import REINFORCE as REINFORCE
    from .replay import Replay as Replay
    from .sb3 import VectorEnvBridge as VectorEnvBridge
    from .sb3 import make_vec_env as make_vec_env
    from .sft import SFT as SFT
    from .trpo import TRPO as TRPO

ALGORITHMS = {
    "ppo": "PPO",
    "a2c": "A2C",
    "trpo": "TRPO",
    "reinforce": "REINFORCE",
    "rloo": "RLOO",
    "grpo": "GRPO",
    "dr_grpo": "DrGRPO",
    "nlpo": "NLPO",
    "sft": "SFT",
    "expert_iteration": "ExpertIteration",
}
"""Classes of the agents that learn, by the names that commands take."""

_MODULES = {
    "AlarmWarning": "alarms",
    "PPO": "ppo",
    "A2C": "a2c",
    "TRPO": "trpo",
    "REINFORCE": "reinforce",
    "RLOO": "grpo",
    "GRPO": "grpo",
    "DrGRPO": "grpo",
    "NLPO": "nlpo",
    "SFT": "sft",
    "ExpertIteration": "expert_iteration",
    "TransformerPolicy": "policy",
    "RandomAgent": "baselines",
    "ZeroShot": "baselines",
    "Greedy": "baselines",
    "BeamSearch": "beam_search",
    "BestOfN": "best_of_n",
    "Evaluation": "callbacks",
    "SampleTable": "callbacks",
    "MajorityVote": "majority",
    "Replay": "replay",
    "VectorEnvBridge": "sb3",
    "make_vec_env": "sb3",
    "load": "loading",
    "export": "exporting",
}

__all__ = [
    "A2C",
    "ALGORITHMS",
    "GRPO",
    "NLPO",
    "PPO",
    "REINFORCE",
    "RLOO",
    "SFT",
    "AlarmWarning",
    "BeamSearch",
    "BestOfN",
    "DrGRPO",
    "Evaluation",
    "ExpertIteration",
    "Greedy",
    "MajorityVote",
    "RandomAgent",
    "Replay",
    "SampleTable",
    "TransformerPolicy",
    "VectorEnvBridge",
    "ZeroShot",
    "export",
    "load",
    "make_vec_env",
]
if find_spec("sb3_contrib") is not None:  # TRPO is sb3-contrib's; without it, `import *` must not ask for the class
    __all__ += ["TRPO"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
