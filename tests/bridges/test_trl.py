"""An id through the bridge to TRL: the same prompts, the same reward, and a trainer that learns from them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym import assets, rewards
from textgym.bridges import completions, trl
from textgym.bridges.one_turn import task_of
from textgym.errors import DataError, OptionError, TaskError

IDS = [
    "TextGen-Sentiment-v0",
    "TextGen-QA-v0",
    "TextGen-Copy-v0",
    "TextGen-Summarization-v0",
    "TextGen-Detox-v0",
    "TextGen-Code-v0",
    "TextGen-NER-v0",
    "TextGen-Dialogue-v0",
    "TextGen-CommonGen-v0",
    "TextGen-Numbers-v0",
]
"""Stop strings and none, words and characters, sums, products, columns of Python objects, masks, a sandbox."""


def _written(task: Any, indices: list[int], rng: np.random.Generator) -> list[list[int]]:
    """Answers and noise, that end by EOS, by a stop string in the middle, and by the budget."""
    vocabulary = task.tokenizer
    ids: list[list[int]] = []
    for k, index in enumerate(indices):
        answer = vocabulary.encode(task.answer(task[index])) if task.can_answer else []
        noise = rng.integers(3, vocabulary.vocab_size, size=task.max_new_tokens + 3).tolist()
        tail = vocabulary.encode("\n more") if task.stop else []
        ids.append(
            [
                [*answer, vocabulary.eos_id],
                [*noise[:3], vocabulary.eos_id, *noise[:2]],
                noise,
                [*answer[:4], *noise[:1], *tail, *noise],
                [vocabulary.eos_id],
            ][k % 5]
        )
    return ids


def _played(env: Any, index: int, ids: list[int]) -> tuple[float, dict[str, Any]]:
    env.reset(options={"prompt_index": index})
    for token in [*ids, *[env.unwrapped.task.tokenizer.eos_id]]:
        _, reward, terminated, _, info = env.step(token)
        if terminated:
            return reward, info
    raise AssertionError("EOS ends an episode")


@pytest.mark.parametrize("env_id", IDS)
def test_reward_is_what_the_environment_pays(env_id: str) -> None:
    """To the last bit: the sum of the weighted terms, whatever ended the completion, on rows of two splits."""
    functions, weights = trl.reward_functions(env_id), trl.reward_weights(env_id)
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        env = gym.make(env_id, split=split)
        task = env.unwrapped.task  # type: ignore[attr-defined]
        indices = [int(i) for i in rng.integers(min(len(task), 50), size=10)]
        written = _written(task, indices, rng)
        scored = [
            function(
                prompts=["?"] * 10,
                completions=["?"] * 10,
                completion_ids=written,
                prompt_index=indices,
                split=[split] * 10,
                trainer_state=None,
            )
            for function in functions
        ]
        totals = [sum(w * s[i] for w, s in zip(weights, scored, strict=True)) for i in range(10)]
        for total, index, ids in zip(totals, indices, written, strict=True):
            paid, info = _played(env, index, ids)
            again = completions.episode(task, index, ids)
            assert (again.completion, again.finish_reason) == (info["completion"], info["finish_reason"])
            assert total == pytest.approx(paid, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("env_id", IDS)
def test_prompts_are_read_as_the_environment_shows_them(env_id: str) -> None:
    data, reader = trl.prompts(env_id, count=6, seed=1), trl.processing_class(env_id)
    env = gym.make(env_id)
    for row in data:
        obs, info = env.reset(options={"prompt_index": row["prompt_index"]})
        shown = obs["input_ids"][: obs["prompt_length"][0]].tolist()
        assert reader(text=[row["prompt"]])["input_ids"] == [shown]
        assert (row["split"], row["references"]) == ("train", info["references"])
    assert reader.pad_token_id == env.unwrapped.task.tokenizer.pad_id  # type: ignore[attr-defined]
    assert reader.eos_token_id == env.unwrapped.task.tokenizer.eos_id  # type: ignore[attr-defined]


def test_prompts_are_drawn_by_seed_and_count() -> None:
    draws = [trl.prompts("TextGen-QA-v0", count=5, seed=seed)["prompt_index"][:] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 5
    whole = trl.prompts("TextGen-Sentiment-v0", split="test")
    assert whole["prompt_index"][:] == list(range(60))
    assert "topic" in whole.column_names  # for reward functions of the user's own
    with pytest.raises(OptionError, match="60 prompts"):
        trl.prompts("TextGen-Sentiment-v0", split="test", count=61)


def test_a_sum_is_one_function_a_term() -> None:
    reward = "0.5 * sentiment + 2 * (length - 0.1 * sentiment) - 1 + length"
    functions = trl.reward_functions("TextGen-Sentiment-v0", reward=reward)
    assert [function.__name__ for function in functions] == ["sentiment", "length", "sentiment_2", "offset", "length_2"]
    weights = trl.config_kwargs("TextGen-Sentiment-v0", reward=reward)["reward_weights"]
    given: dict[str, Any] = {"completions": ["what a lovely day"], "prompt_index": [0], "split": ["test"]}
    parts = [function(**given)[0] for function in functions]
    sentiment, length = parts[:2]
    assert sentiment != length
    assert np.dot(weights, parts) == pytest.approx(0.5 * sentiment + 2 * (length - 0.1 * sentiment) - 1 + length)
    whole = trl.reward_functions("TextGen-Sentiment-v0", reward="(sentiment + length).clip(0, 1)")
    assert [function.__name__ for function in whole] == ["reward"]


def test_texts_are_scored_where_no_ids_are_given() -> None:
    """As a function from prompt to completion is played; a chat's completion is its message."""
    (function,) = trl.reward_functions("TextGen-QA-v0")
    row = task_of("TextGen-QA-v0", "TRL")[3]
    texts: list[Any] = [f"{row.references[0]}\nand on", [{"role": "assistant", "content": row.references[0]}], ""]
    assert function(completions=texts, prompt_index=[3] * 3, split=["train"] * 3) == [1.0, 1.0, 0.0]


def test_a_smaller_budget_of_the_trainer_is_a_length() -> None:
    task = task_of("TextGen-QA-v0", "TRL")
    assert completions.episode(task, 0, [9, 9]).finish_reason == "length"
    assert completions.episode(task, 0, []).completion == ""


def test_statistics_learn_in_training_only() -> None:
    reward = rewards.make("length").normalize()
    (function,) = trl.reward_functions("TextGen-Sentiment-v0", reward=reward)
    for split, counted in (("test", 0), ("train", 2)):
        function(completions=["a", "a b c"], prompt_index=[0, 1], split=[split] * 2)
        assert reward.state_dict()["moments"]["count"] == counted


def test_chat_prompts_are_messages() -> None:
    reader = trl.processing_class("TextGen-Sentiment-v0")
    reader.chat_template = (
        "{{ bos_token }}{% for m in messages %}{{ m['content'] }}|{% endfor %}"
        "{% if add_generation_prompt %}>{% endif %}"
    )
    task = textgym.make_task({"train": ["Hello"]}, reward="length", tokenizer=reader, chat=True)
    data = trl.prompts(task)
    assert data[0]["prompt"] == [{"role": "user", "content": "Hello"}]


def test_cut_prompts_are_cut_for_trl_too() -> None:
    task = textgym.make_task(
        {"train": ["one two three four five six"]}, reward="length", max_prompt_tokens=4, truncation_side="left"
    )
    (row,) = trl.prompts(task)
    assert trl.processing_class(task)(text=[row["prompt"]])["input_ids"][0] == task.prompt_ids(0).tolist()


def test_end_tokens_end_where_the_environment_ends() -> None:
    task = task_of("TextGen-QA-v0", "TRL")
    ends = trl.end_tokens(task)
    assert ends[0] == task.tokenizer.eos_id
    assert [i for i in range(task.tokenizer.vocab_size) if "\n" in task.tokenizer.decode([i])] == ends[1:]
    assert trl.end_tokens("TextGen-Sentiment-v0") == [2]


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("TextGen-CustomerService-v0", {}, r"conversation with .* textgym\.agents"),
        ("TextGen-Sentiment-v0", {"reward": "dense(sentiment)"}, r"pays in every step .* reward='sentiment'"),
        ("TextGen-Sentiment-v0", {"gamma": 0.9}, r"gamma=0\.9, and TRL has no discount"),
    ],
)
def test_what_trl_cannot_play_is_refused(env_id: str, options: dict[str, Any], message: str) -> None:
    for function in (trl.prompts, trl.reward_functions, trl.config_kwargs):
        with pytest.raises(TaskError, match=message):
            function(env_id, **options)


def test_unknown_options_and_foreign_data_are_errors() -> None:
    with pytest.raises(OptionError, match="rewad"):
        trl.reward_functions("TextGen-Sentiment-v0", rewad="length")
    with pytest.raises(OptionError, match="Did you mean"):
        trl.prompts("TextGen-Sentimnt-v0")
    (function,) = trl.reward_functions("TextGen-Sentiment-v0")
    with pytest.raises(DataError, match=r"trl\.prompts"):
        function(prompts=["x"], completions=["x"])


def _trainer(name: str, folder: Path, **settings: Any) -> tuple[Any, Any]:
    """A trainer of TRL on the shipped model, and the model."""
    library = pytest.importorskip("trl", reason="TRL is not installed: pip install 'textgym[trl]'")
    from transformers import AutoModelForCausalLM

    env_id = settings.pop("env_id")
    model = AutoModelForCausalLM.from_pretrained(assets.path("tiny"), dtype="float32")
    config = getattr(library, f"{name}Config")(
        output_dir=str(folder),
        **trl.config_kwargs(env_id),
        learning_rate=3e-4,
        beta=0.0,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        seed=0,
        **settings,
    )
    trainer = getattr(library, f"{name}Trainer")(
        model=model,
        reward_funcs=trl.reward_functions(env_id),
        train_dataset=trl.prompts(env_id, count=16),
        processing_class=trl.processing_class(env_id),
        args=config,
    )
    return trainer, model


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TRL's own
@pytest.mark.parametrize("name", ["RLOO", "GRPO"])
def test_trl_hands_over_what_the_reward_needs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of each trainer on an id with two terms: ids, columns, names and weights arrive."""
    seen: list[dict[str, Any]] = []
    call = trl.TermReward.__call__

    def watched(self: trl.TermReward, **given: Any) -> list[float]:
        seen.append(given)
        return call(self, **given)

    monkeypatch.setattr(trl.TermReward, "__call__", watched)
    trainer, _ = _trainer(name, tmp_path, env_id="TextGen-NER-v0", per_device_train_batch_size=16, max_steps=1)
    trainer.train()
    log = trainer.state.log_history[0]
    parts = [log[f"rewards/{term}/mean"] for term in ("entity_boundary_f1", "entity_f1")]
    assert log["reward"] == pytest.approx(0.5 * sum(parts), abs=1e-6)
    assert len(seen) == 2
    assert len(seen[0]["completion_ids"]) == 16
    task = task_of("TextGen-NER-v0", "TRL")
    assert seen[0]["prompts"] == [task[i].prompt for i in seen[0]["prompt_index"]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TRL's own
def test_rloo_of_trl_learns_through_the_bridge(tmp_path: Path) -> None:
    """The model starts below 0 of −1 to 1; 12 steps of 64 completions add at least 0.15 on held-out prompts."""
    env_id = "TextGen-Sentiment-v0"
    trainer, model = _trainer("RLOO", tmp_path, env_id=env_id, per_device_train_batch_size=64, max_steps=12)
    before = textgym.evaluate(model, env_id, episodes=120).mean
    trainer.train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after = textgym.evaluate(model, env_id, episodes=120).mean
    assert after > before + 0.15
