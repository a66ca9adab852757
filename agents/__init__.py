"""Transformer agents that learn textgym's environments; importing this package loads no model library.

>>> from textgym.agents import PPO
>>> agent = PPO("scratch", "TextGen-Numbers-v0", n_envs=8, seed=0)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .baselines import BestOfN as BestOfN
    from .baselines import RandomAgent as RandomAgent
    from .baselines import ZeroShot as ZeroShot
    from .loading import load as load
    from .policy import TransformerPolicy as TransformerPolicy
    from .ppo import PPO as PPO
    from .reinforce import REINFORCE as REINFORCE
    from .sb3 import VectorEnvBridge as VectorEnvBridge
    from .sb3 import make_vec_env as make_vec_env

_MODULES = {
    "PPO": "ppo",
    "REINFORCE": "reinforce",
    "TransformerPolicy": "policy",
    "RandomAgent": "baselines",
    "ZeroShot": "baselines",
    "BestOfN": "baselines",
    "VectorEnvBridge": "sb3",
    "make_vec_env": "sb3",
    "load": "loading",
}

__all__ = [
    "PPO",
    "REINFORCE",
    "BestOfN",
    "RandomAgent",
    "TransformerPolicy",
    "VectorEnvBridge",
    "ZeroShot",
    "load",
    "make_vec_env",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
