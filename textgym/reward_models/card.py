"""The card of a reward model: what it learnt from, how, and how good it is; for Hugging Face and for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .quality import Quality

MEANINGS = {
    "ratings": "It gives the rating that it expects, in the unit of the feedback.",
    "labels": "It gives the probability of each label.",
    "preferences": "It gives a Bradley-Terry score: the difference of two is the log-odds that the first is preferred. "
    "The zero means nothing.",
}


LOADED = {
    False: "`AutoModelForSequenceClassification.from_pretrained` loads it as well; it reads prompt and completion as "
    "one text.",
    True: "It scores every token, of what stands up to it; the score of a text is that of its last token. The reward "
    "`per_token(reward_model(model='path/to/it'))` pays each token its own.\n"
    "`AutoModelForTokenClassification.from_pretrained` loads it as well; it reads prompt and completion as one text.",
}
"""How to use a model of texts, and one of tokens."""


def card(name: str, facts: Mapping[str, Any], quality: Quality | None) -> str:
    """Returns the card in Markdown.

    Args:
        name: Of the model's folder.
        facts: The content of its ``training.json``.
        quality: How good it is on the test split, if there is one.
    """
    recipe, rows = facts["recipe"], facts["rows"]
    columns = ", ".join(f"{role} from `{column}`" for role, column in facts["columns"].items())
    counts = ", ".join(f"{count:,} {split}" for split, count in rows.items())
    judged = quality.markdown() if quality else "There is no test split: nothing is known of its quality.\n"
    plot = "\n![reliability](reliability.png)\n" if quality else ""
    values = facts["meaning"].get("values")
    worth = (
        f" As a reward the labels count {', '.join(f'{value:g}' for value in values)}, in their order."
        if values
        else ""
    )
    per_token = recipe["per_token"]
    options = "\n".join(f"| {option} | {value} |" for option, value in recipe.items())
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    return f"""---
library_name: transformers
pipeline_tag: {"token" if per_token else "text"}-classification
tags: [reward-model, textgym]
---

# {name}

A reward model of {facts["parameters"]:,} parameters on the backbone `{recipe["backbone"]}`, trained by
`{facts["loss"]}`.
{MEANINGS[facts["meaning"]["kind"]]}{worth}

```python
import gymnasium as gym
import textgym

env = gym.make("TextGen-Sentiment-v0", reward="path/to/{name}")
```

{LOADED[per_token]}
SHA-256 of its weights: `{facts["fingerprint"]}`.

## Feedback

{facts["source"]}: {columns}. Rows: {counts}; {facts["problems"]:,} could not be used and are listed in
`problems.jsonl`.

## Quality

{judged}{plot}
## Recipe

{facts["steps"]:,} steps. {versions}.

| | |
|---|---|
{options}

## Limits

It is right as far as the figures above go, on texts like those of its feedback. A policy that trains on it will find
what it overrates: keep a judge that is never trained on, and watch `textgym reward-model audit`.
"""
