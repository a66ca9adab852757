from __future__ import annotations

import numpy as np
import pytest
import torch

from textgym.agents import kl
from textgym.errors import AgentError


def test_estimators_by_hand() -> None:
    log_ratio = np.array([0.0, 0.5, -0.5])
    np.testing.assert_allclose(kl.k1(log_ratio), [0, 0.5, -0.5])
    np.testing.assert_allclose(kl.k2(log_ratio), [0, 0.125, 0.125])
    np.testing.assert_allclose(kl.k3(log_ratio), [0, np.exp(-0.5) - 0.5, np.exp(0.5) - 1.5])
    for estimate in kl.ESTIMATORS.values():
        np.testing.assert_allclose(estimate(torch.from_numpy(log_ratio)).numpy(), estimate(log_ratio))


def test_k1_and_k3_are_unbiased_and_k2_nearly() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.full(20, 20.0), 2)
    exact = float((p * np.log(p / q)).sum())
    log_ratio = np.log(p / q)
    assert (p * kl.k1(log_ratio)).sum() == pytest.approx(exact)
    assert (p * kl.k3(log_ratio)).sum() == pytest.approx(exact)
    assert (p * kl.k2(log_ratio)).sum() == pytest.approx(exact, rel=0.2)
    assert (kl.k3(log_ratio) >= 0).all()


def test_the_adaptive_coefficient_follows_ziegler_and_reaches_its_target() -> None:
    controller = kl.controller(0.1, 0.02)
    controller.update(0.021)  # 5% above
    assert controller.coef == pytest.approx(0.1 * (1 + 0.1 * 0.05))
    controller.update(1.0)  # far above: clipped at 20%
    assert controller.coef == pytest.approx(0.1 * (1 + 0.1 * 0.05) * 1.02)
    for _ in range(2000):  # a policy whose KL falls with the price
        controller.update(0.01 / controller.coef)
    assert 0.01 / controller.coef == pytest.approx(0.02, rel=1e-3)
    other = kl.controller(0.5, 0.02)
    other.load_state_dict(controller.state_dict())
    assert other.coef == controller.coef


def test_the_doubling_coefficient_strides_to_its_band() -> None:
    controller = kl.controller(0.1, 0.02, "doubling")
    for measured, expected in ((0.029, 0.1), (0.031, 0.2), (1.0, 0.4), (0.0134, 0.4), (0.0133, 0.2), (-0.1, 0.1)):
        controller.update(measured)
        assert controller.coef == pytest.approx(expected)
    for _ in range(10):  # a policy whose KL falls with the price; 0.1 → 0.0016 is six strides
        controller.update(0.00003 / controller.coef)
    assert 0.02 / 1.5 <= 0.00003 / controller.coef <= 0.02 * 1.5
    other = kl.controller(0.5, 0.02, "doubling")
    other.load_state_dict(controller.state_dict())
    assert other.coef == controller.coef


def test_a_fixed_coefficient_stays() -> None:
    controller = kl.controller(0.1, None)
    controller.update(5.0)
    assert controller.coef == 0.1


def test_bad_values_are_refused() -> None:
    with pytest.raises(AgentError, match="Choose from k1, k2, k3"):
        kl.estimator("k")
    with pytest.raises(AgentError, match="zero on average"):
        kl.estimator("k1", "loss")
    assert kl.estimator("k2", "loss") is kl.k2
    for coef, target in ((-0.1, None), (float("nan"), None), (0.0, 0.1), (0.1, 0.0)):
        with pytest.raises(AgentError, match="must"):
            kl.controller(coef, target)
