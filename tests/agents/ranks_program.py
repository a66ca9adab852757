"""What tests/agents/test_ranks.py starts: pairs of processes that train together, forked from one that has loaded all.

    python tests/agents/ranks_program.py FOLDER

Each scenario gets a folder, in which each rank leaves ``rank0.txt`` (what it printed), and the program ``codes.json``:
exit codes, and the seconds that passed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from stable_baselines3.common.callbacks import BaseCallback

import textgym.agents.ranks
from textgym.agents import A2C, GRPO, NLPO, PPO, REINFORCE, RLOO, SFT, TRPO, ExpertIteration
from textgym.agents.ranks import Ranks
from textgym.errors import AgentError as AgentError

MODEL = {"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 32}
SGD = {"optimizer_class": "SGD"}  # Adam makes steps of the rounding errors of gradients that are nearly zero
COMMON: dict[str, Any] = {"seed": 0, "device": "cpu", "learning_rate": 0.5, "policy_kwargs": SGD}
ENV = "TextGen-Numbers-v0"
UPDATES: dict[str, tuple[Any, dict[str, Any]]] = {
    "ppo": (
        PPO,
        {
            "normalize_advantage": True,
            "kl_coef": 0.1,
            "kl_target": 0.01,
            "batch_size": 100_000,
            "max_grad_norm": 0.1,
            "target_kl": 0.5,
            "regularisation": {"whiten_rewards": "running"},
        },
    ),
    "ppo_kl_in_loss": (
        PPO,
        {
            "kl_coef": 0.1,
            "kl_estimator": "k2",
            "regularisation": {"kl_in": "loss"},
            "batch_size": 100_000,
            "ent_coef": 0.01,
            "n_epochs": 3,
        },
    ),
    "a2c": (A2C, {"normalize_advantage": True}),
    "nlpo": (NLPO, {"batch_size": 100_000, "mask_top_p": 0.8}),
    "reinforce": (REINFORCE, {"normalize_advantage": True, "kl_coef": 0.1}),
    "rloo": (RLOO, {"n_samples": 2, "batch_size": 40, "loss_type": "dr_grpo"}),
    "grpo": (GRPO, {"n_samples": 2, "target_kl": 0.5, "n_epochs": 2}),
}


def agent(name: str, **changes: Any) -> Any:
    algorithm, arguments = UPDATES[name]
    return algorithm(MODEL, ENV, **{"n_envs": 8, "n_steps": 8, **COMMON, **arguments, **changes})


def sft(**changes: Any) -> SFT:
    return SFT(MODEL, ENV, n_demonstrations=6, batch_size=12, max_grad_norm=0.5, **{**COMMON, **changes})


def weights(trained: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in trained.policy.named_parameters()}


def updates(folder: Path, rank: int) -> None:
    """One rollout and one update by each algorithm; the union of what was played, and the weights after it."""
    for name in UPDATES:
        trained = agent(name).learn(1)
        buffer, ranks = trained.rollout_buffer, trained.ranks
        longest = int(max(part.max() for part in ranks.gather(buffer.episodes.lengths)))

        def union(matrix: np.ndarray, longest: int = longest, ranks: Ranks = ranks) -> np.ndarray:
            return ranks.union(np.pad(matrix, ((0, 0), (0, longest - matrix.shape[1]))))

        arrays = {
            field: union(value)
            for field, value in buffer.episodes._asdict().items()
            if isinstance(value, np.ndarray) and value.shape == buffer.episodes.input_ids.shape
        }
        arrays |= {"advantages": union(buffer.advantages), "targets": union(buffer.targets)}
        arrays["lengths"] = ranks.union(buffer.episodes.lengths)
        bits = {"action_masks": buffer.episodes.action_masks, "supports": buffer.episodes.supports}
        arrays |= {name: ranks.union(rows) for name, rows in bits.items() if rows is not None}
        arrays["own_episodes"] = np.concatenate(ranks.gather(np.array([len(buffer.episodes.lengths)])))
        coef = 0 if trained.kl is None else trained.kl.coef
        arrays["counted"] = np.array([trained.num_timesteps, coef, buffer.vocab_size])
        if rank == 0:
            np.savez(folder / f"{name}.npz", **arrays)
        save_file(weights(trained), folder / f"{name}_{rank}.safetensors")


def supervised(folder: Path, rank: int) -> None:
    save_file(weights(sft().learn(200)), folder / f"sft_{rank}.safetensors")
    expert = ExpertIteration(MODEL, ENV, n_envs=8, n_samples=2, n_prompts=8, **COMMON).learn(300)
    save_file(weights(expert), folder / f"expert_{rank}.safetensors")


def uneven(folder: Path, rank: int) -> None:
    """Minibatches of an episode or so, of which one rank has many more than the other."""

    def rewarded(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [float(len(text)) for text in completions]

    trained = agent("ppo", batch_size=8, env_kwargs={"reward": rewarded}, learning_rate=0.01)
    trained.n_steps = 30 if rank else 1  # what one plays while the other plays an episode an environment
    trained.learn(300)
    save_file(weights(trained), folder / f"uneven_{rank}.safetensors")
    trained = agent("grpo", n_minibatches=4, learning_rate=0.01).learn(300)
    save_file(weights(trained), folder / f"uneven_grpo_{rank}.safetensors")
    print("saved by", trained.save(folder / "agent") or rank)


def drifted(folder: Path, rank: int) -> None:
    class Spoil(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            with torch.no_grad():
                next(self.model.policy.parameters()).add_(0.5 * rank)

    trained = agent("reinforce").learn(1, callback=Spoil())
    trained.ranks.check_equal(trained.policy.parameters())


def refused(folder: Path, rank: int) -> None:
    def tell(make: Callable[[], Any]) -> None:
        try:
            make()
        except Exception as error:
            print(f"{type(error).__name__}: {error}")

    tell(lambda: agent("ppo", n_envs=7))
    tell(lambda: agent("rloo", n_samples=4, n_envs=12))
    tell(lambda: TRPO(MODEL, ENV, n_envs=8))
    tell(lambda: agent("a2c", env_kwargs={"reward": "sentiment.normalize()"}).learn(1))
    tell(lambda: agent("nlpo", policy_kwargs=SHARED))
    tell(lambda: agent("a2c", policy_kwargs={**SHARED, "lora": {"r": 2}}))


def failing(folder: Path, rank: int) -> None:
    def rewarded(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [float("nan") if rank else 1.0] * len(prompts)

    agent("a2c", env_kwargs={"reward": rewarded}).learn(1000)


class Killed(BaseCallback):
    number = signal.SIGKILL

    def _on_step(self) -> bool:
        if self.model.ranks.rank and self.model.num_timesteps > 300:
            os.kill(os.getpid(), self.number)
        return True


def killed(folder: Path, rank: int) -> None:
    agent("a2c").learn(100_000, callback=Killed())


def frozen(folder: Path, rank: int) -> None:
    """One rank is alive and silent, as on a machine that hangs."""
    textgym.agents.ranks.SILENCE = 5.0

    class Frozen(Killed):
        number = signal.SIGSTOP

    agent("a2c").learn(100_000, callback=Frozen())


def different(folder: Path, rank: int) -> None:
    agent("a2c", n_steps=9 if rank else 8).learn(1)


SHARED: dict[str, Any] = {"fsdp": True}


def shared(folder: Path, rank: int) -> None:
    """As `updates`, with the model spread over both ranks."""
    for name in UPDATES:
        if name != "nlpo":
            trained = agent(name, policy_kwargs={**SGD, **SHARED}).learn(1)
            save_file(weights(trained), folder / f"{name}_{rank}.safetensors")


def share_of_the_work(folder: Path, rank: int) -> None:
    """What a rank keeps while all learn, what it may do then, and that two calls of `learn` are one."""

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_start(self) -> None:
            optimizer = self.model.policy.optimizer
            kept = [state["exp_avg"].to_local().numel() for state in optimizer.state.values()]
            if kept:
                own = sum(weight.to_local().numel() for weight in self.model.policy.parameters())
                print("keeps", own, "weights and", sum(kept), "moments")
            for what in (lambda: self.model.evaluate(episodes=2), lambda: self.model.save(folder / "early")):
                try:
                    what()
                except AgentError as error:
                    print("by itself:", error)
            with self.model.alone() as first:
                if first:
                    print("alone:", self.model.evaluate(episodes=2).metrics["kl"].mean >= 0)

    options = {"policy_kwargs": {**SHARED, "gradient_checkpointing": True}, "kl_coef": 0.1, "learning_rate": 0.01}
    twice = agent("reinforce", **options).learn(150, callback=Look()).learn(64, reset_num_timesteps=False)
    print("rests with", sum(weight.numel() for weight in twice.policy.parameters()), "weights")
    twice.save(folder / "agent")
    once = agent("reinforce", **options | {"policy_kwargs": {}})
    once.learn(150).learn(64, reset_num_timesteps=False)
    save_file(weights(twice), folder / f"shared_{rank}.safetensors")
    save_file(weights(once), folder / f"whole_{rank}.safetensors")


def shared_killed(folder: Path, rank: int) -> None:
    class LaterKilled(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            if rank and self.model.num_timesteps > 300:
                os.kill(os.getpid(), signal.SIGKILL)

    agent("a2c", policy_kwargs=SHARED).learn(100_000, callback=LaterKilled())


TINY = ["--episodes", "4", "--eval-every", "150", "--eval-episodes", "2", "--checkpoint-every", "100", "--seed", "3"]
FSDP = ["--set", 'policy_kwargs={"fsdp": true}']
NEW = ["train", ENV, "--model", "scratch", "--n-envs", "4", "--set", "n_steps=8", *TINY]


def command(*arguments: str) -> Callable[[Path, int], None]:
    def run(folder: Path, rank: int) -> None:
        from textgym.cli import main

        sys.argv = ["textgym", *(text.replace("FOLDER", str(folder.parent)) for text in arguments)]
        main()

    return run


SCENARIOS: dict[str, tuple[Callable[[Path, int], None], int]] = {
    "updates": (updates, 2),
    "supervised": (supervised, 2),
    "uneven": (uneven, 2),
    "drifted": (drifted, 2),
    "refused": (refused, 2),
    "failing": (failing, 2),
    "killed": (killed, 2),
    "shared": (shared, 2),
    "share_of_the_work": (share_of_the_work, 2),
    "shared_killed": (shared_killed, 2),
    "frozen": (frozen, 2),
    "different": (different, 2),
    "one_rank": (command(*NEW, "--timesteps", "150", "--out", "FOLDER/run"), 1),
    "two_ranks": (command("train", "--resume", "FOLDER/run", "--timesteps", "400"), 2),
    "one_again": (command("train", "--resume", "FOLDER/run", "--timesteps", "500"), 1),
    "same_command": (command(*NEW, "--timesteps", "150", "--out", "FOLDER/again"), 2),
    "same_command_again": (command(*NEW, "--timesteps", "150", "--out", "FOLDER/again"), 2),
    "shared_run": (command(*NEW, *FSDP, "--timesteps", "150", "--out", "FOLDER/spread"), 2),
    "shared_by_one": (command("train", "--resume", "FOLDER/spread", "--timesteps", "250"), 1),
    "shared_again": (command("train", "--resume", "FOLDER/spread", "--timesteps", "400"), 2),
}


def start(scenario: Callable[[Path, int], None], folder: Path, rank: int, size: int, port: int) -> int:
    child = os.fork()
    if child:
        return child
    printed = os.open(folder / f"rank{rank}.txt", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(printed, stream)
    if size > 1:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    signal.alarm(200)  # no rank outlives its test
    code = 0
    try:
        scenario(folder, rank)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    (folder / f"ended{rank}").touch()
    waited = time.monotonic()
    while not code and len(list(folder.glob("ended*"))) < size and time.monotonic() - waited < 10:
        time.sleep(0.01)  # the first rank keeps the store of all, and the others may still be reading
    os._exit(code)


def free_port() -> int:
    """Returns a port below those that systems give to outgoing connections, one of which could take it meanwhile."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


def play(name: str, root: Path) -> None:
    scenario, size = SCENARIOS[name]
    folder = root / name
    folder.mkdir()
    port = free_port()
    begun = time.monotonic()
    children = [start(scenario, folder, rank, size, port) for rank in range(size)]
    codes = []
    for child in children:  # the first ends by itself; another that was stopped does not
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        if len(codes) == 1 and codes[0] and scenario is frozen:
            os.kill(children[1], signal.SIGKILL)
    (folder / "codes.json").write_text(json.dumps({"codes": codes, "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    for chosen in SCENARIOS if len(sys.argv) == 2 else sys.argv[2:]:
        play(chosen, Path(sys.argv[1]))
