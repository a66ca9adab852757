"""Every family of models in the whole round: collect, update, save, load, export, learn."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartForConditionalGeneration,
    PreTrainedModel,
    T5ForConditionalGeneration,
    pipeline,
)

import textgym
from textgym import agents
from textgym.agents import NLPO, PPO, REINFORCE, SFT, BeamSearch, ExpertIteration, Greedy, ZeroShot
from textgym.agents.episodes import Episodes
from textgym.agents.models import make_model
from textgym.data import SPLITS, Row
from textgym.errors import ModelError
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

GPT2 = {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 2}
LLAMA = {
    "model_type": "llama",  # SmolLM is one
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
}
QWEN2 = {**LLAMA, "model_type": "qwen2"}
T5 = {"model_type": "t5", "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2}
BART = {
    "model_type": "bart",
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "dropout": 0.1,  # which must never act
}
FAMILIES: dict[str, dict[str, Any]] = {"gpt2": GPT2, "llama": LLAMA, "qwen2": QWEN2, "t5": T5, "bart": BART}
SEQ2SEQ = ("t5", "bart")
LETTERS = "ab"


def echo(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
    """The share of a completion that repeats the prompt's last letter."""
    return [text.count(prompt[-1]) / 4 for prompt, text in zip(prompts, completions, strict=True)]


def echo_task() -> Task:
    """To repeat the last letter of the prompt four times, with nothing but letters to choose from."""
    rows = tuple(Row(first + last, (last * 4,)) for first in ("", "a", "ba", "abb") for last in LETTERS)
    tokenizer = CharTokenizer(LETTERS)
    return Task(
        name="Echo",
        rows=dict.fromkeys(SPLITS, rows),
        tokenizer=tokenizer,
        reward=textgym.rewards.make(echo),
        max_prompt_tokens=5,
        max_new_tokens=4,
        allowed_tokens=tuple(tokenizer.encode(LETTERS)),
    )


class FirstMinibatch(BaseCallback):
    """The ratios that the first minibatch of the first update starts from, and the KL of every rollout."""

    ratios: torch.Tensor | None = None

    def __init__(self) -> None:
        super().__init__()
        self.kls: list[float] = []

    def _on_rollout_end(self) -> None:
        self.kls.append(self.logger.name_to_value.get("rollout/kl", np.nan))
        if self.ratios is None:
            sample = next(self.model.rollout_buffer.get())
            with torch.no_grad():
                _, log_prob, _ = self.model.policy.evaluate_actions(sample.observations, sample.actions)
            self.ratios = (log_prob - sample.old_log_prob).exp()

    def _on_step(self) -> bool:
        return True


def play(agent: Any, episodes: int = 12) -> list[str]:
    report = textgym.evaluate(Greedy(agent), echo_task(), episodes=episodes)
    return [episode.completion for episode in report.episodes]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_whole_round(name: str, tmp_path: Path) -> None:
    """It fits, its ratio starts at 1, it is saved and loaded, and its export needs transformers alone."""
    law = {"suppress_tokens": (0, 1, 2)}  # what the task's mask says, so that an export says it too
    sizes = {"n_envs": 8, "n_steps": 16, "kl_coef": 0.1, "policy_kwargs": law}
    agent = PPO(FAMILIES[name], echo_task(), **sizes, seed=0, device="cpu")
    nn.init.normal_(agent.policy.value_head.weight, std=0.1)
    first = FirstMinibatch()
    agent.learn(256, callback=first)
    assert first.ratios is not None
    torch.testing.assert_close(first.ratios, torch.ones_like(first.ratios), atol=1e-5, rtol=0)
    assert abs(first.kls[0]) < 1e-6 < abs(first.kls[1])  # the reference is the start, and stays there

    agent.save(tmp_path / "agent")
    again = PPO.load(tmp_path / "agent", env=echo_task(), device="cpu")
    assert again.reference is not None
    written = play(agent)
    assert play(again) == written
    agent.learn(128, reset_num_timesteps=False)
    again.learn(128, reset_num_timesteps=False)
    for ours, theirs in zip(agent.policy.parameters(), again.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)  # the same next update, bit for bit

    folder = agents.export(agent, tmp_path / "exported")
    kind = AutoModelForSeq2SeqLM if name in SEQ2SEQ else AutoModelForCausalLM
    lm, tokenizer = kind.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    report = textgym.evaluate(Greedy(agent), echo_task(), episodes=4)
    for episode in report.episodes:
        ids = tokenizer(episode.prompt, return_tensors="pt")
        assert ids.input_ids[0].tolist() == list(episode.prompt_ids)
        output = lm.generate(ids.input_ids, attention_mask=ids.attention_mask, do_sample=False)[0]
        output = output[1:] if name in SEQ2SEQ else output[ids.input_ids.shape[1] :]
        assert tokenizer.decode(output, skip_special_tokens=True) == episode.completion
    if name not in SEQ2SEQ:
        (text,) = pipeline("text-generation", model=str(folder), device="cpu")(
            report.episodes[0].prompt, do_sample=False, return_full_text=False
        )
        assert text["generated_text"] == report.episodes[0].completion


@pytest.mark.parametrize(
    ("name", "rate"), [("gpt2", 3e-3), ("llama", 3e-3), ("qwen2", 3e-3), ("t5", 1e-2), ("bart", 3e-3)]
)
def test_repeating_the_prompt_is_learnt_from_nothing(name: str, rate: float) -> None:
    """Half of the letters are right by chance; more takes what stands at the end of the prompt."""
    sizes = {"n_envs": 16, "n_steps": 32, "batch_size": 128}
    agent = PPO(FAMILIES[name], echo_task(), **sizes, learning_rate=rate, seed=0, device="cpu")
    assert 0.4 < agent.evaluate(episodes=64).mean < 0.6
    agent.learn(5_000)
    assert agent.evaluate(episodes=64).mean > 0.85


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_references_are_learnt(name: str) -> None:
    agent = SFT(FAMILIES[name], echo_task(), batch_size=128, learning_rate=1e-2, seed=0, device="cpu").learn(5_000)
    assert agent.evaluate(episodes=32).mean > 0.9
    loss = agent.held_out_loss()
    assert loss is not None
    assert loss < 0.3  # of two letters by chance: 0.69


def publish(name: str, folder: Path, vocab_size: int) -> PreTrainedModel:
    """Saves a model as its trainers would, without anything of textgym."""
    lm = make_model(FAMILIES[name], vocab_size, 64, seed=0)
    assert type(lm) is {"t5": T5ForConditionalGeneration, "bart": BartForConditionalGeneration}[name]
    lm.config.pad_token_id = 0  # transformers asks for one as soon as there are labels
    lm.save_pretrained(folder)
    return lm


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_a_folder_of_transformers_is_played_and_trained(name: str, tmp_path: Path) -> None:
    task = echo_task()
    lm = publish(name, tmp_path / "plain", task.tokenizer.vocab_size)
    zero_shot = ZeroShot(str(tmp_path / "plain"), task, device="cpu")
    prompts, completions = [[1, 3, 4], [1, 4]], [[3, 3, 4, 2], [4]]
    with torch.no_grad():
        expected = [
            -lm(input_ids=torch.tensor([prompt]), labels=torch.tensor([completion])).loss.item() * len(completion)
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
    np.testing.assert_allclose(zero_shot.log_likelihood(prompts, completions), expected, atol=1e-5)
    without_env = agents.load(str(tmp_path / "plain"), device="cpu")
    np.testing.assert_allclose(without_env.log_likelihood(prompts, completions), expected, atol=1e-5)
    agent = PPO(str(tmp_path / "plain"), task, n_envs=4, n_steps=8, seed=0, device="cpu").learn(64)
    assert agent.reference is not None
    agent.save(tmp_path / "agent")
    loaded = agents.load(tmp_path / "agent", env=task, device="cpu")
    assert play(loaded, 4) == play(agent, 4)


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_nlpo_keeps_a_second_model_and_saves_it(name: str, tmp_path: Path) -> None:
    agent = NLPO(FAMILIES[name], echo_task(), n_envs=8, n_steps=16, mask_refresh=1, seed=0, device="cpu")
    first = FirstMinibatch()
    agent.learn(300, callback=first)
    assert first.ratios is not None
    torch.testing.assert_close(first.ratios, torch.ones_like(first.ratios), atol=1e-5, rtol=0)
    agent.save(tmp_path / "agent")
    assert play(NLPO.load(tmp_path / "agent", env=echo_task(), device="cpu")) == play(agent)


@pytest.mark.parametrize("algorithm", [agents.A2C, agents.TRPO, REINFORCE, agents.GRPO, ExpertIteration])
def test_every_algorithm_takes_an_encoder_decoder(algorithm: Any) -> None:
    sizes = {"n_prompts": 4, "n_samples": 4} if algorithm is ExpertIteration else {}
    agent = algorithm(T5, echo_task(), n_envs=8, seed=0, device="cpu", **sizes)
    before = agent.policy.parameters_to_vector()
    agent.learn(64)
    assert not np.array_equal(before, agent.policy.parameters_to_vector())


@pytest.mark.parametrize("name", FAMILIES)
def test_beam_search_finds_the_likeliest_of_all_completions(name: str) -> None:
    """As many beams as there are beginnings: nothing can be missed, and all completions can be enumerated."""
    task = echo_task()
    player = ZeroShot(FAMILIES[name], task, seed=3, device="cpu")
    with torch.no_grad():
        player.policy.lm.get_output_embeddings().weight.mul_(3)
    texts = ["".join(letters) for letters in product(LETTERS, repeat=4)]
    completions = [task.tokenizer.encode(text) for text in texts]
    model, mask = player.policy.token_model, np.isin(np.arange(task.tokenizer.vocab_size), task.allowed_tokens)
    for episode in textgym.evaluate(BeamSearch(player, task, n=8, length_penalty=0.0), task, episodes=4).episodes:
        every = Episodes.of([episode.prompt_ids] * len(texts), completions, mask, task.tokenizer.vocab_size)
        (log_probs,) = every.score(lambda batch: model.log_probs(batch)[None], model.device)
        assert episode.completion == texts[log_probs.sum(1).argmax()]


def test_the_conversation_goes_on_in_the_decoder() -> None:
    """A customer's replies come after the prompt: the decoder reads them, and they are not the policy's choice."""
    law = {"forced_tokens": [[3, 2]]}  # EOS, which ends the first turn
    agent = PPO(T5, "TextGen-CustomerService-v0", n_envs=4, n_steps=8, policy_kwargs=law, seed=0, device="cpu")
    first = FirstMinibatch()
    agent.learn(1, callback=first)
    episodes = agent.rollout_buffer.episodes
    starts = episodes.response_mask.argmax(1)
    inside = np.arange(episodes.input_ids.shape[1]) < episodes.lengths[:, None]
    replies = inside & ~episodes.response_mask & (np.arange(episodes.input_ids.shape[1]) > starts[:, None])
    assert replies.any()
    assert first.ratios is not None
    torch.testing.assert_close(first.ratios, torch.ones_like(first.ratios), atol=1e-4, rtol=0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match=r"7 positions.*up to 9 tokens"):
        PPO({**BART, "max_position_embeddings": 7}, echo_task(), device="cpu")
    with pytest.raises(ModelError, match="knows 4 tokens, the environment has 5"):
        PPO({**T5, "vocab_size": 4}, echo_task(), device="cpu")
    assert not hasattr(make_model(T5, 5, 9).config, "max_position_embeddings")  # T5 has no last place
