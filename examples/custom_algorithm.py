"""An algorithm of your own: reward-weighted regression (Peters & Schaal 2007) as a subclass of the library's PPO.

Collecting, the KL, saving, logging and evaluating are inherited; ``train`` is the algorithm.

Run: python examples/custom_algorithm.py
"""

import torch

import textgym
from textgym.agents import PPO


class RewardWeighted(PPO):
    """Imitates its own episodes, each weighted by exp(advantage / temperature)."""

    temperature = 0.2

    def train(self) -> None:
        """Takes ``n_epochs`` passes over the rollout."""
        self.policy.set_training_mode(True)
        for _ in range(self.n_epochs):
            for batch in self.rollout_buffer.get(self.batch_size):  # minibatches of whole episodes
                values, log_prob, _ = self.policy.evaluate_actions(batch.observations, batch.actions)
                advantages = batch.returns - batch.returns.mean()
                weights = torch.exp(advantages / self.temperature)
                imitation = -(weights / weights.mean() * log_prob).mean()
                loss = imitation + self.vf_coef * (batch.returns - values).pow(2).mean()
                self.policy.optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                self.policy.optimizer.step()
        self._n_updates += self.n_epochs
        self.logger.record("train/imitation_loss", loss.item())


agent = RewardWeighted("scratch", "TextGen-Target-v0", learning_rate=3e-3, n_envs=64, seed=0)
before = textgym.evaluate(agent, "TextGen-Target-v0", episodes=128)
agent.learn(12_000)
after = textgym.evaluate(agent, "TextGen-Target-v0", episodes=128)
print(f"reward before {before.mean:.2f}, after {after.mean:.2f}")
