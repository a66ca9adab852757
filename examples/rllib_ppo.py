"""Ray RLlib's PPO trains a small network on an id of ours, whose native vector environment its runners step.

``gym_env_vectorize_mode="vector_entry_point"`` is what asks for that environment: 32 episodes are one array, scored in
one call. RLlib sends each transition through the network on its own, with its whole prefix; ``textgym.agents.PPO``
sends whole episodes.

Needs pip install textgym 'ray[rllib]', which brings Gymnasium 1.2.2. A minute on one core.
"""

# test: slow
# test: needs ray
# test: needs tree

import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.core.rl_module.torch import TorchRLModule

ENV = "textgym:TextGen-Target-v0"  # the part before the colon is imported where the environment is made
WIDTH = 64


class PrefixNetwork(TorchRLModule, ValueFunctionAPI):
    """Policy and value of a prefix: the sum of its tokens, embedded together with their places."""

    def setup(self):
        length, vocab_size = self.observation_space["input_ids"].shape[0], int(self.action_space.n)
        self.tokens = torch.nn.Embedding(vocab_size, WIDTH)
        self.places = torch.nn.Parameter(torch.randn(length, WIDTH))
        self.body = torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh())
        self.policy = torch.nn.Linear(WIDTH, vocab_size)
        self.value = torch.nn.Linear(WIDTH, 1)
        torch.nn.init.zeros_(self.policy.weight)

    def _forward(self, batch, **kwargs):
        embeddings = self._embedded(batch)
        return {Columns.ACTION_DIST_INPUTS: self.policy(embeddings), Columns.EMBEDDINGS: embeddings}

    def compute_values(self, batch, embeddings=None):
        return self.value(self._embedded(batch) if embeddings is None else embeddings).squeeze(-1)

    def _embedded(self, batch):
        obs = batch[Columns.OBS]  # input_ids and attention_mask (B, L), right-padded
        each = (self.tokens(obs["input_ids"].long()) + self.places) * obs["attention_mask"].unsqueeze(-1)
        return self.body(each.sum(1))


config = (
    PPOConfig()
    .environment(ENV)
    .env_runners(num_env_runners=0, num_envs_per_env_runner=32, gym_env_vectorize_mode="vector_entry_point")
    .rl_module(rl_module_spec=RLModuleSpec(module_class=PrefixNetwork))
    .training(lr=3e-3, train_batch_size_per_learner=2048, minibatch_size=256, num_epochs=6, entropy_coeff=0.01)
    .debugging(seed=0)
)
ray.init("local", num_cpus=1, include_dashboard=False, object_store_memory=100 * 2**20)
try:
    algorithm = config.build_algo()
    returns = [algorithm.train()["env_runners"]["episode_return_mean"] for _ in range(20)]
    algorithm.stop()
finally:
    ray.shutdown()
print(f"mean reward of an episode: {returns[0]:.3f} at first, {returns[-1]:.3f} after 20 iterations")
assert returns[-1] > returns[0] + 0.2
