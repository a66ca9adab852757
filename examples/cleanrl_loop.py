"""Actor-critic in one file, in the manner of CleanRL: a network over flat observations, with none of our agents.

A vector environment starts a new episode in the step *after* an end, and ignores the action of that step. Such a step
belongs to no episode: it is left out of the batch, and no value is carried over it.

Run: python examples/cleanrl_loop.py
"""

import gymnasium as gym
import torch
from gymnasium.wrappers.vector import FlattenObservation, RecordEpisodeStatistics
from torch import nn
from torch.distributions import Categorical

NUM_ENVS, NUM_STEPS, UPDATES, GAE_LAMBDA = 32, 16, 60, 0.95

envs = gym.make_vec("textgym:TextGen-ProbeDelay-v0", num_envs=NUM_ENVS, delay=4)
gamma = envs.unwrapped.gamma
envs = RecordEpisodeStatistics(FlattenObservation(envs))

torch.manual_seed(0)
width = envs.single_observation_space.shape[0]
body = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
actor, critic = nn.Linear(64, int(envs.single_action_space.n)), nn.Linear(64, 1)
optimizer = torch.optim.Adam([*body.parameters(), *actor.parameters(), *critic.parameters()], lr=3e-3)

obs, _ = envs.reset(seed=0)
starts = torch.zeros(NUM_ENVS, dtype=torch.bool)  # True where the next step only starts an episode
steps_in_episodes = 0
for _ in range(UPDATES):
    log_probs, values, rewards, dones, ghosts, entropies = [], [], [], [], [], []
    for _ in range(NUM_STEPS):
        hidden = body(torch.as_tensor(obs, dtype=torch.float32))
        distribution = Categorical(logits=actor(hidden))
        actions = distribution.sample()
        obs, reward, terminated, truncated, infos = envs.step(actions.numpy())
        log_probs.append(distribution.log_prob(actions))
        values.append(critic(hidden).squeeze(-1))
        rewards.append(torch.as_tensor(reward, dtype=torch.float32))
        dones.append(torch.as_tensor(terminated | truncated))
        ghosts.append(starts)
        entropies.append(distribution.entropy())
        starts = dones[-1]

    with torch.no_grad():
        following = critic(body(torch.as_tensor(obs, dtype=torch.float32))).squeeze(-1)
        advantage, advantages = torch.zeros(NUM_ENVS), []
        for t in reversed(range(NUM_STEPS)):
            delta = rewards[t] + gamma * following * ~dones[t] - values[t]
            advantage = delta + gamma * GAE_LAMBDA * advantage * ~dones[t]
            advantages.insert(0, advantage)
            following = values[t]
    real = ~torch.stack(ghosts)
    advantages, values = torch.stack(advantages)[real], torch.stack(values)[real]
    returns = advantages + values.detach()
    policy_loss = -(advantages * torch.stack(log_probs)[real]).mean()
    loss = policy_loss + 0.5 * (returns - values).pow(2).mean() - 0.01 * torch.stack(entropies)[real].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    steps_in_episodes += int(real.sum())

found = sum(envs.return_queue) / len(envs.return_queue)
print(f"{envs.episode_count} episodes, {steps_in_episodes} steps; the last hundred earned {found:.2f} on average")
