"""Ray Train starts the processes of a data-parallel training, on one machine or many; each of them runs ``train``.

It sets up ``torch.distributed`` in every worker, where ``textgym.agents`` finds how many ranks there are: they share
``n_envs``, each plays episodes of its own, gradients are averaged, and rank 0 saves. For GPUs, say ``use_gpu=True`` and
the backend nccl.

Needs pip install textgym 'ray[train]'. A minute on two cores.
"""

# test: slow
# test: needs ray
# test: needs tensorboardX

import tempfile
from pathlib import Path

import ray
from ray.train import Checkpoint, RunConfig, ScalingConfig, report
from ray.train.torch import TorchConfig, TorchTrainer

import textgym
import textgym.agents


def train(config):
    import torch.distributed

    from textgym.agents import PPO

    agent = PPO("scratch", "TextGen-Target-v0", n_envs=16, n_steps=8, learning_rate=1e-3, device="cpu")
    agent.learn(config["total_timesteps"])
    metrics = {"steps": agent.num_timesteps, "ranks": torch.distributed.get_world_size()}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = None  # of the ranks, one has it
        if torch.distributed.get_rank() == 0:
            agent.save(folder)
            checkpoint = Checkpoint.from_directory(folder)
        report(metrics, checkpoint=checkpoint)


storage = Path("runs").absolute()  # several machines need a folder that all of them see
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
try:
    trainer = TorchTrainer(
        train,
        train_loop_config={"total_timesteps": 2048},
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=2, resources_per_worker={"CPU": 1}),
        run_config=RunConfig(name="ray_train", storage_path=str(storage)),
    )
    result = trainer.fit()
finally:
    ray.shutdown()
agent = textgym.agents.load(result.checkpoint.path)
print(f"{result.metrics}; {textgym.evaluate(agent, 'TextGen-Target-v0', episodes=64).mean:.3f}")
assert result.metrics["ranks"] == 2
assert result.metrics["steps"] >= 2048
