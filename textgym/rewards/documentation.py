"""The page `docs/rewards.md`, made from the rewards themselves: ``python -m textgym.rewards.documentation FILE``."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import NamedTuple

from . import audit, registry
from .base import Reward


class Facts(NamedTuple):
    """What no attribute of a reward tells.

    Attributes:
        reads: Columns that its default form reads, besides prompts and completions.
        extra: Extra of textgym that it needs, if any.
        checked: What its scores are compared with in the tests, where there is such a thing.
    """

    reads: tuple[str, ...] = ()
    extra: str = ""
    checked: str = ""


REFERENCES = ("references",)
TOKENS = ("prompt_ids", "completion_ids", "finish_reason", "tokenizer")

LARGE = 1e5
"""From here on scores are written with an exponent."""

FACTS = {
    "bert_score": Facts(REFERENCES, checked="a loop written from the paper"),
    "bleu": Facts(REFERENCES, checked="sacrebleu"),
    "chrf": Facts(REFERENCES, checked="sacrebleu"),
    "cider": Facts(REFERENCES, checked="pycocoevalcap"),
    "coherence": Facts(checked="transformers"),
    "concept_coverage": Facts(("concepts",)),
    "distinct_n": Facts(),
    "edit_similarity": Facts(REFERENCES, checked="rapidfuzz"),
    "english_words": Facts(),
    "entity_boundary_f1": Facts(("references", "tokens", "tags"), checked="nervaluate, seqeval"),
    "entity_f1": Facts(("references", "tokens", "tags"), checked="nervaluate, seqeval"),
    "exact_match": Facts(REFERENCES),
    "fluency": Facts(TOKENS, checked="transformers"),
    "json_schema": Facts(("schema",), "metrics"),
    "judge": Facts((), "metrics"),
    "keyword_coverage": Facts(("keywords",)),
    "label_accuracy": Facts(REFERENCES, checked="scikit-learn"),
    "label_f1": Facts(REFERENCES, checked="scikit-learn"),
    "length": Facts(),
    "meteor": Facts(REFERENCES, checked="nltk"),
    "metre": Facts(),
    "msttr": Facts(),
    "ngram_entropy": Facts(checked="scipy"),
    "parent": Facts(("references", "table"), checked="numbers worked by hand"),
    "perplexity": Facts(TOKENS, checked="transformers"),
    "preference": Facts(checked="transformers"),
    "readability": Facts(checked="textstat"),
    "regex": Facts(),
    "repetition": Facts(),
    "reward_model": Facts(checked="transformers"),
    "rhyme": Facts(),
    "rouge_1": Facts(REFERENCES, checked="rouge-score"),
    "rouge_2": Facts(REFERENCES, checked="rouge-score"),
    "rouge_l": Facts(REFERENCES, checked="rouge-score"),
    "rouge_lsum": Facts(REFERENCES, checked="rouge-score"),
    "sentiment": Facts(checked="transformers"),
    "similarity": Facts(REFERENCES, checked="transformers"),
    "syllables": Facts(),
    "ter": Facts(REFERENCES, checked="sacrebleu"),
    "token_f1": Facts(REFERENCES),
    "toxicity": Facts((), "safety", "alt-profanity-check"),
    "toxicity_lexicon": Facts(),
    "unit_tests": Facts(("tests",)),
    "vader": Facts(checked="vaderSentiment"),
    "vocabulary_size": Facts(),
    "word_frequency": Facts(checked="wordfreq"),
}

HEADER = """# The rewards

`make docs` writes this page from the rewards themselves; do not edit it. How rewards are combined, made dense, averaged
or asked of a judge is told in [Composing rewards](composition.md).

`textgym.rewards.make(name)` makes each of these; options go into brackets, `length(target=40)`, also on the command
line. `score(prompts, completions, **columns)` gives a number for each completion, `corpus(…)` one for all of them, the
mean unless the reward says otherwise.

## All of them

*Columns* are those of the data that it reads besides prompt and completion. *Needs* names an extra, as in
`pip install 'textgym[metrics]'`. *Checked against* names what the tests compare its scores with.
"""

AUDIT = """## What they can be cheated with

`textgym reward-model audit`, or `textgym.testing.check_reward`, tries the oldest tricks on a reward. Here are the mean
scores on its own examples: of good completions, then of each kind of bad one. ✓ marks a kind that scores worse here, as
it should. *gameable* marks one that the reward by its nature cannot be relied on to see, and declares (`gameable_by`):
combine it with a reward that does. Silence must never beat a good completion. Where ↓ stands, lower is better.
"""


def page() -> str:
    """Returns the page, in Markdown; scores have two decimals, and nothing else in it depends on the machine."""
    made = [reward for name in registry.names() if _own(reward := registry.build(name))]
    listed = sorted([*made, registry.build("judge", str)], key=lambda reward: reward.name)
    sections = _linked("\n".join(map(_section, listed)), listed)
    return f"{HEADER}\n{_overview(listed)}\n{AUDIT}\n{_audits(made)}\n## One by one\n\n{sections}"


def _linked(text: str, rewards: Iterable[Reward]) -> str:
    """Returns the text with the class of a reward replaced by its name, as a link."""
    names = {type(reward).__qualname__: reward.name for reward in rewards}
    pattern = rf"`(?:textgym\.[a-z_.]+\.)?({'|'.join(names)})`"
    return re.sub(pattern, lambda found: f"[`{names[found[1]]}`](#{names[found[1]]})", text)


def _own(reward: Reward) -> bool:
    """Whether it is textgym's, and not registered by whoever asks for the page."""
    return type(reward).__module__.startswith("textgym.")


def _overview(rewards: Iterable[Reward]) -> str:
    rows = []
    for reward in rewards:
        facts = FACTS[reward.name]
        reads = ", ".join(f"`{column}`" for column in facts.reads)
        direction = "higher" if reward.higher_is_better else "lower"
        link = f"[`{reward.name}`](#{reward.name})"
        rows.append((link, _summary(reward), _interval(reward), direction, reads, facts.extra, facts.checked))
    return table(("name", "what", "range", "better", "columns", "needs", "checked against"), rows)


def _audits(rewards: Iterable[Reward]) -> str:
    rows = []
    for reward in rewards:
        found = audit.audit(reward).findings
        name = f"`{reward.name}`" if reward.higher_is_better else f"`{reward.name}` ↓"
        rows.append((name, _number(found[0].gold), *map(_cell, found)))
    return table(("reward", "good", *(kind.replace("_", " ") for kind in audit.KINDS)), rows)


def _cell(finding: audit.Finding) -> str:
    marks = ["✓"] * finding.below + ["gameable"] * finding.declared or ["**missed**"]
    return " ".join([_number(finding.bad), *marks])


def _section(reward: Reward) -> str:
    options: Sequence[Field] = fields(reward) if is_dataclass(reward) else ()
    given = ", ".join(_option(option) for option in options if option.init)
    return f"### {reward.name}\n\n`{reward.name}({given})`\n\n{markdown(inspect.getdoc(type(reward)) or '')}\n"


def _option(option: Field) -> str:
    plain = option.default is None or isinstance(option.default, str | int | float | tuple)
    long = isinstance(option.default, str) and "\n" in option.default
    return f"{option.name}=…" if long else f"{option.name}={option.default!r}" if plain else option.name


def markdown(docstring: str) -> str:
    """Returns a docstring in Google's style as Markdown, its arguments as a list of options."""
    lines: list[str] = []
    inside = False
    for line in docstring.splitlines():
        if line == "Args:":
            inside = True
            lines += ["Options:", ""]
        elif inside and (found := re.fullmatch(r"    (\w+): (.*)", line)):
            lines.append(f"- `{found[1]}`: {found[2]}")
        elif inside and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            inside = inside and not line
            lines.append(line)
    return "\n".join(lines).replace("``", "`")


def _summary(reward: Reward) -> str:
    first = markdown(inspect.getdoc(type(reward)) or "").partition("\n\n")[0].replace("\n", " ")
    return re.sub(r"\s*Range .*", "", first)


def _interval(reward: Reward) -> str:
    low, high = reward.range
    return f"{'[' if math.isfinite(low) else '('}{_end(low)}, {_end(high)}{']' if math.isfinite(high) else ')'}"


def _end(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "∞" if value > 0 else "-∞"


def _number(value: float) -> str:
    return f"{value:.2e}" if abs(value) >= LARGE else f"{round(value, 2) + 0.0:.2f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table in Markdown, each line with its end; bars inside cells are escaped, other markup is kept."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
