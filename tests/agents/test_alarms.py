from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

from textgym.agents import PPO
from textgym.agents.alarms import ADVICE, BASELINE, PATIENCE, Alarms, AlarmWarning, Measures, repetition
from textgym.agents.episodes import Episodes

HEALTHY = Measures(
    kl=0.02,
    kl_error=0.01,
    entropy=2.0,
    length=10.0,
    cut=0.2,
    repetition=0.05,
    reward=0.4,
    best=1.0,
    worst=0.0,
    zero_variance_groups=0.3,
)
SICK: dict[str, dict[str, Any]] = {
    "negative_kl": {"kl": -0.03},
    "entropy_collapse": {"entropy": 0.09},
    "length_growth": {"cut": 0.95, "length": 15.0},
    "repetition": {"repetition": 0.6},
    "zero_variance_groups": {"zero_variance_groups": 1.0},
}


def watch(alarms: Alarms, measures: Measures, rollouts: int) -> dict[str, float]:
    on: dict[str, float] = {}
    for _ in range(rollouts):
        on = alarms.update(measures)
    return on


@pytest.mark.parametrize("name", ADVICE)
def test_an_alarm_goes_off_once_and_stays_on_while_its_sign_shows(name: str) -> None:
    alarms = Alarms()
    assert watch(alarms, HEALTHY, BASELINE) == dict.fromkeys(ADVICE, 0.0)
    sick = replace(HEALTHY, **SICK[name])
    assert watch(alarms, sick, PATIENCE - 1)[name] == 0.0  # a rollout or four may be bad luck
    with pytest.warns(AlarmWarning) as caught:
        on = alarms.update(sick)
    assert on == {**dict.fromkeys(ADVICE, 0.0), name: 1.0}
    assert len(caught) == 1
    assert "{" not in str(caught[0].message).replace("{'missing_eos_reward': …}", "")
    assert watch(alarms, sick, 20)[name] == 1.0  # said once, logged each time
    assert alarms.update(HEALTHY)[name] == 0.0
    assert watch(alarms, sick, PATIENCE)[name] == 1.0


@pytest.mark.parametrize(
    "fine",
    [
        {"kl": -0.03, "kl_error": 0.02},  # within the noise
        {"kl": -0.0005, "kl_error": 0.0},  # within rounding
        {"kl": None},
        {"entropy": 0.09, "reward": 0.95},  # it knows the answer
        {"entropy": 0.11},
        {"cut": 0.95, "length": 14.0},
        {"cut": 0.5, "length": 30.0},
        {"repetition": 0.45},
        {"repetition": None},
        {"zero_variance_groups": 1.0, "reward": 0.95},
        {"zero_variance_groups": 0.99},
        {"zero_variance_groups": None},
    ],
)
def test_what_is_no_sign(fine: dict[str, Any]) -> None:
    alarms = Alarms()
    watch(alarms, HEALTHY, BASELINE)
    assert not any(watch(alarms, replace(HEALTHY, **fine), 3 * PATIENCE).values())


def test_what_was_so_from_the_start_is_the_task() -> None:
    measures = replace(HEALTHY, cut=1.0, repetition=0.7)
    assert not any(watch(Alarms(), measures, 3 * PATIENCE).values())
    measures = replace(HEALTHY, entropy=0.01)
    assert not any(watch(Alarms(), measures, 3 * PATIENCE).values())


def test_no_reward_at_all_is_no_success() -> None:
    alarms = Alarms()
    measures = replace(HEALTHY, zero_variance_groups=1.0, reward=0.0, best=0.0, worst=0.0)
    with pytest.warns(AlarmWarning, match="nothing was learnt"):
        watch(alarms, measures, PATIENCE)


def test_alarms_go_on_where_they_were_saved() -> None:
    alarms = Alarms()
    watch(alarms, HEALTHY, BASELINE)
    sick = replace(HEALTHY, entropy=0.09)
    watch(alarms, sick, PATIENCE - 1)
    resumed = Alarms()
    resumed.load_state_dict(alarms.state_dict())
    with pytest.warns(AlarmWarning, match="from 2 at the start"):
        resumed.update(sick)
    again = Alarms()
    again.load_state_dict(resumed.state_dict())
    assert again.update(sick)["entropy_collapse"] == 1.0  # and does not say it again
    fresh = Alarms()
    fresh.load_state_dict(Alarms().state_dict())
    assert not any(watch(fresh, HEALTHY, 10).values())


def test_repetition_by_hand() -> None:
    def of(*completions: list[int]) -> float | None:
        return repetition(Episodes.of([[9, 9, 9, 9, 9]] * len(completions), completions, None, 10))

    assert of([1, 2, 3, 4, 5, 6]) == 0.0
    assert of([1, 1, 1, 1, 1]) == 0.5  # 1111 and 1111
    assert of([1, 2, 1, 2, 1, 2]) == pytest.approx(1 / 3)  # 1212, 2121, 1212
    assert of([1, 1, 1, 1, 1], [1, 2, 3, 4, 5], [1, 2, 3, 4]) == 0.25  # the last has a single one
    assert of([1, 2, 3]) is None


def small(**kwargs: Any) -> PPO:
    return PPO("scratch", "TextGen-Numbers-v0", n_envs=16, n_steps=24, batch_size=128, seed=0, device="cpu", **kwargs)


def test_a_policy_that_writes_one_thing_for_ever_is_told_of() -> None:
    agent = small(learning_rate=0.0)
    agent.learn(BASELINE * 384)
    digit = agent.task.tokenizer.encode("1")[-1]
    with torch.no_grad():  # what a reward for ones would lead to
        head = agent.policy.lm.get_output_embeddings()
        head.bias = torch.nn.Parameter(torch.zeros(head.weight.shape[0]))
        head.bias[digit] = 20.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AlarmWarning)
        agent.learn(PATIENCE * 400, reset_num_timesteps=False, log_interval=1000)
    said = [str(warning.message) for warning in caught if warning.category is AlarmWarning]
    assert [any(word in text for text in said) for word in ("entropy", "length", "4-grams")] == [True] * 3
    logged = agent.logger.name_to_value
    assert logged["alarm/repetition"] == logged["alarm/entropy_collapse"] == logged["alarm/length_growth"] == 1.0
    assert logged["alarm/negative_kl"] == 0.0
    assert logged["rollout/cut_off"] == 1.0
    assert logged["rollout/repetition"] == pytest.approx(1 - 1 / 21)  # 24 ones have 21 4-grams, all the same


def test_tokens_that_are_scored_by_another_law_are_told_of() -> None:
    agent = small(kl_coef=0.0, learning_rate=0.0)
    choose = agent.policy.choose

    def hotter(*args: Any, **kwargs: Any) -> Any:
        choice = choose(*args, **kwargs)
        return choice._replace(log_probs=choice.log_probs - 0.1)  # such as a sampler with a temperature of its own

    agent.policy.choose = hotter  # type: ignore[method-assign]
    with pytest.warns(AlarmWarning, match=r"-0\.1 nat"):
        agent.learn(2 * PATIENCE * 384)


def test_learning_the_target_sets_off_nothing() -> None:
    class Seen(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            logged = self.logger.name_to_value
            entropies.append(logged["rollout/entropy"])
            assert [logged[f"alarm/{name}"] for name in ADVICE] == [0.0] * len(ADVICE)

    entropies: list[float] = []
    agent = PPO("scratch", "TextGen-Target-v0", seed=0, device="cpu", kl_coef=0.0)
    agent.learn(50_000, callback=Seen(), log_interval=1000)  # warnings are errors here
    assert min(entropies) < 0.05 * np.log(4)  # it is sure, because it is right
