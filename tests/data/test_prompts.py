"""Prompts in the chat template of a tokenizer: from texts and from messages, cut where they are too long."""

from __future__ import annotations

from copy import deepcopy

import gymnasium as gym
import pytest

import textgym
from textgym import assets, data
from textgym.errors import DataError, TokenizerError

CONVERSATION = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "name a colour"},
    {"role": "assistant", "content": "red"},
    {"role": "user", "content": "and another"},
]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


@pytest.fixture(scope="module")
def chat_tokenizer():
    """The shipped vocabulary with a chat template that writes BOS itself, as that of a chat model does."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(assets.path("tiny"))
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def test_chat_templates_render_prompts_and_messages(chat_tokenizer):
    rows = {"train": [{"m": CONVERSATION}], "test": [{"m": "hello"}]}
    task = textgym.make_task(rows, prompt="m", chat=True, tokenizer=chat_tokenizer, reward="length")
    env = textgym.TextGenEnv(task)
    obs, info = env.reset()
    ids = obs["input_ids"][: obs["prompt_length"][0]].tolist()
    text = "[system]be brief\n[user]name a colour\n[assistant]red\n[user]and another\n[assistant]"
    assert ids == [task.tokenizer.bos_id, *task.tokenizer.encode(text)]
    assert info["prompt"] == "system: be brief\nuser: name a colour\nassistant: red\nuser: and another"
    obs, info = env.reset(options={"prompt": "hi"})
    assert task.tokenizer.decode(obs["input_ids"][: obs["prompt_length"][0]]) == "[user]hi\n[assistant]"
    assert info["prompt"] == "hi"
    obs, info = textgym.TextGenEnv(task, split="test").reset()
    assert task.tokenizer.decode(obs["input_ids"][: obs["prompt_length"][0]]) == "[user]hello\n[assistant]"


def test_any_environment_can_chat_in_the_vocabulary_of_an_agent(chat_tokenizer):
    env = gym.make("TextGen-Sentiment-v0", chat=True, tokenizer=chat_tokenizer, max_prompt_tokens=40)
    obs, info = env.reset(seed=0)
    text = env.unwrapped.task.tokenizer.decode(obs["input_ids"][: obs["prompt_length"][0]])
    assert text == f"[user]{info['prompt']}\n[assistant]"
    mine = textgym.make_task(["a", "b"], chat=True, reward="length", truncation_side="left", max_prompt_tokens=40)
    assert textgym.TextGenEnv(mine, tokenizer=chat_tokenizer).reset()[1]["prompt"] in "ab"


def test_a_tokenizer_without_a_chat_template(chat_tokenizer):
    task = textgym.make_task([{"prompt": CONVERSATION, "split": "train"}], chat=True, reward="length")
    with pytest.raises(TokenizerError, match=r"'tiny' has no chat template, so that chat=True cannot work"):
        textgym.TextGenEnv(task).reset()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_chat_that_is_cut_keeps_its_form(side, chat_tokenizer):
    rows = [{"prompt": "begin " + "very " * 60 + "end", "split": "train"}]
    options = {"chat": True, "tokenizer": chat_tokenizer, "reward": "length", "max_prompt_tokens": 40}
    with pytest.raises(DataError, match=r"row 1 has a prompt of \d+ tokens"):
        textgym.make_task(rows, **options)
    task = textgym.make_task(rows, truncation_side=side, **options)
    ids = task.prompt_ids(0)
    assert 35 <= len(ids) <= 40
    text = task.tokenizer.decode(ids)
    assert text.startswith("[user]")
    assert text.endswith("\n[assistant]")
    assert ("end" in text, "begin" in text) == (side == "left", side == "right")


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "nor a list of chat messages"),
        ([{"role": "user"}], "nor a list of chat messages"),
        ([{"role": "user", "content": 3}], "nor a list of chat messages"),
        (CONVERSATION[:3], "end in one of the assistant"),
        ([{"role": "user", "content": " "}], "end in an empty one"),
    ],
)
def test_malformed_messages(messages, message):
    with pytest.raises(DataError, match=f"row 1 has .*{message}"):
        data.load_rows([{"prompt": messages}], chat=True)


def test_messages_without_chat():
    with pytest.raises(DataError, match=r"row 1 has chat messages as its prompt \(column 'prompt'\)\. Give chat=True"):
        data.load_rows([{"prompt": CONVERSATION}])


def test_a_chat_template_that_refuses(chat_tokenizer):
    strict = deepcopy(chat_tokenizer)
    strict.chat_template = "{{ raise_exception('only users may speak') }}"
    with pytest.raises(DataError, match=r"row 1 cannot be .*only users may speak"):
        textgym.make_task([{"prompt": CONVERSATION}], chat=True, tokenizer=strict, reward="length")
