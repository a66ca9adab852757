"""A policy network of your own in plain PyTorch: an LSTM, trained by a few lines of REINFORCE, evaluated as an agent.

An agent is whatever has Stable-Baselines3's ``predict``; its recurrent state is handed back at the next step.

Run: python examples/lstm_policy.py, then `textgym evaluate examples/lstm_policy.py:untrained TextGen-ProbeMemory-v0`
"""

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

import textgym

ENV, OPTIONS = "TextGen-ProbeMemory-v0", {"gap": 4}


class LSTMPolicy(nn.Module):
    """Reads the text so far and gives a law over the next token."""

    def __init__(self, vocab_size, width=64):
        super().__init__()
        self.embed, self.head = nn.Embedding(vocab_size, width), nn.Linear(width, vocab_size)
        self.lstm = nn.LSTM(width, width, batch_first=True)

    def law(self, obs, masks=None):
        """Returns the law of the next token after each context."""
        lengths = torch.as_tensor(obs["attention_mask"]).sum(-1).long()
        hidden, _ = self.lstm(self.embed(torch.as_tensor(obs["input_ids"])))
        logits = self.head(hidden[torch.arange(len(lengths)), lengths - 1])
        return Categorical(logits=logits if masks is None else logits.masked_fill(~torch.as_tensor(masks), -1e9))

    @torch.no_grad()
    def predict(self, observation, state=None, episode_start=None, deterministic=False, action_masks=None):
        """Returns the next tokens; the text so far is all the state there is."""
        law = self.law(observation, action_masks)
        return (law.probs.argmax(-1) if deterministic else law.sample()).numpy(), None


def untrained(env):
    """Returns a policy of random weights for an environment: what a command asks a file for."""
    return LSTMPolicy(int(env.action_space.n))


def reinforce(policy, updates=300, num_envs=64):
    """Trains on episodes side by side, with the mean reward as the baseline."""
    envs = gym.make_vec(ENV, num_envs=num_envs, autoreset_mode="Disabled", **OPTIONS)
    masks = envs.unwrapped.action_masks()
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    for update in range(updates):
        obs, _ = envs.reset(seed=update)
        log_probs, returns, live = torch.zeros(num_envs), np.zeros(num_envs), np.ones(num_envs, bool)
        while live.any():
            law = policy.law(obs, masks)
            actions = law.sample()
            obs, rewards, ended, _, _ = envs.step(actions.numpy())
            log_probs, returns, live = log_probs + law.log_prob(actions), returns + rewards, live & ~ended
        advantages = torch.as_tensor(returns - returns.mean(), dtype=torch.float32)
        loss = -(advantages * log_probs).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy


if __name__ == "__main__":
    torch.manual_seed(0)
    policy = untrained(gym.make(ENV, **OPTIONS))
    before = textgym.evaluate(policy, ENV, episodes=128, **OPTIONS)
    after = textgym.evaluate(reinforce(policy), ENV, episodes=128, **OPTIONS)
    print(f"reward before {before.mean:.2f}, after {after.mean:.2f}")
