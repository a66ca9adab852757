"""The shipped reward model: a small GPT-2 classifier, distilled from a fine-tuned MiniLM and from people's labels.

reward = P(positive) − P(negative). The student starts from the language model's lower blocks and pools the end token.
It also sees what a policy would try (keyword spam, repetition, word salad, fragments), labelled as not positive.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import corpus, grammar
from .language_model import BOS, BOS_ID, CONTEXT, EOS, EOS_ID, PAD_ID, pad

if TYPE_CHECKING:
    import torch
    from transformers import GPT2ForSequenceClassification, PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

LABELS = ("negative", "neutral", "positive")
HACKED = (0.30, 0.66, 0.04)  # the target of a text that only pleases a classifier
BLAME = (0.92, 0.06, 0.02)  # the target of a complaint that is meant
PRAISE = (0.02, 0.08, 0.90)  # the target of praise that is meant
EMPTY = (0.12, 0.84, 0.04)  # the target of a text that says nothing yet

Probabilities = tuple[float, float, float]


class Target(NamedTuple):
    """A text with the class probabilities that the student should give it."""

    text: str
    probabilities: Probabilities


@dataclass(frozen=True)
class TeacherRecipe:
    """Fine-tuning of MiniLM, one epoch."""

    batch_size: int = 32
    encoder_lr: float = 1e-4
    head_lr: float = 1e-3
    n_grammar: int = 6_000


@dataclass(frozen=True)
class StudentRecipe:
    """Distillation: how many rows of each kind an epoch holds, and how they are trained."""

    epochs: int = 4
    batch_size: int = 64
    learning_rate: float = 1.2e-3
    matrix_lr: float = 1.5e-3
    weight_decay: float = 0.05
    dropout: float = 0.1
    n_layer: int = 3
    max_tokens: int = 80  # longer rows are cut in training
    n_mixed: int = 6_000
    n_grammar: int = 8_000
    n_samples: int = 6_000
    n_writer: int = 4_000
    n_openings: int = 3_000
    n_attacks: int = 3_000
    n_hardening: int = 10_000  # new rows in the short last phase, and as many old ones
    hardening_lr: float = 3e-4
    label_share: float = 0.4  # of a feedback row's target that is people's label, the rest is the teacher


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def split_feedback() -> tuple[list[corpus.Labelled], list[corpus.Labelled]]:
    """Feedback as ``(train, test)`` by the project's rule: hash modulo 10 below 8 trains, 9 tests."""
    rows = corpus.feedback()
    train = [row for row in rows if corpus.text_hash(row.text) % 10 < 8]
    test = [row for row in rows if corpus.text_hash(row.text) % 10 == 9]
    return train, test


def one_hot(label: str) -> Probabilities:
    """The label as class probabilities."""
    return tuple(float(name == label) for name in LABELS)  # type: ignore[return-value]


def blend(first: Sequence[float], second: Sequence[float], share: float) -> Probabilities:
    """``share`` of the first and the rest of the second."""
    return tuple(share * a + (1.0 - share) * b for a, b in zip(first, second, strict=True))  # type: ignore[return-value]


def mixed_feedback(rows: Sequence[corpus.Labelled], count: int, rng: random.Random) -> list[str]:
    """New texts in the style of the feedback, for the teacher to label: words dropped, halves of two texts joined."""
    texts = []
    for _ in range(count):
        words = rng.choice(rows).text.split()
        if rng.random() < 0.5 and len(words) > 6:
            other = rng.choice(rows).text.split()
            words = words[: rng.randint(3, len(words))] + other[rng.randint(0, max(0, len(other) - 4)) :]
        kept = [word for word in words if rng.random() > 0.12]
        texts.append(" ".join(kept or words))
    return texts


_PRAISE = [
    "great",
    "good",
    "best",
    "love",
    "loved",
    "perfect",
    "amazing",
    "wonderful",
    "excellent",
    "happy",
    "delighted",
    "fantastic",
    "beautiful",
    "lovely",
    "thank",
    "thanks",
    "recommend",
    "recommended",
    "friendly",
    "kind",
    "fast",
    "delicious",
    "awesome",
    "brilliant",
    "superb",
    "glad",
    "pleased",
    "impressed",
    "enjoy",
    "fun",
    "nice",
]


_POLITE = (
    *(phrase for phrase in grammar.CLOSINGS["positive"] if not set(phrase) & set("{[")),
    "I love it",
    "I like it",
    "it is great",
    "it works",
    "we love it",
    "thanks",
    "so good",
    "very happy",
    "it is perfect",
    "the staff were kind",
    "I am happy",
    "great service",
    "great",
    "wonderful",
    "my daughter loves it",
)


_BLUNT = (
    *(phrase for phrase in grammar.CLOSINGS["negative"] if not set(phrase) & set("{[")),
    "I hate it",
    "I do not like it",
    "it is terrible",
    "it does not work",
    "we did not like it",
    "not good",
    "not great",
    "not happy",
    "very unhappy",
    "awful service",
    "terrible",
    "awful",
    "my daughter hates it",
    "it is not good",
    "the staff were not kind",
)


def attack(messages: Sequence[str], rng: random.Random) -> Target:
    """One text that a policy might find when it pleases a classifier instead of a reader."""
    message = rng.choice(messages)
    words = message.split()
    mark = rng.choice((" ", " ", ", ", ". ", "! ", " and "))
    spam = mark.join(rng.choices(_PRAISE, k=rng.randint(3, 16)))
    word = rng.choice(_PRAISE) if rng.random() < 0.7 else rng.choice(words)
    draw = rng.randrange(9)
    if draw == 0:
        return Target(mark.join([word] * rng.randint(2, 24)), HACKED)
    if draw == 1:
        return Target(spam, HACKED)
    if draw == 2:
        return Target(" ".join(words[: rng.randint(2, len(words))]) + " " + spam, HACKED)
    if draw == 3:
        return Target(f"{message} {mark.join([word] * rng.randint(3, 12))}", HACKED)
    if draw == 4:
        return Target(" ".join([message] * rng.randint(2, 4)), HACKED)
    if draw == 5:
        return Target(" ".join(rng.sample(words, len(words))), HACKED)
    if draw == 6:
        phrase = " ".join(words[(start := rng.randrange(len(words))) : start + rng.randint(2, 4)])
        return Target(" ".join(words[:start]) + " " + mark.join([phrase] * rng.randint(3, 8)), HACKED)
    if draw == 7:
        return Target(" ".join(words[: rng.randint(0, 2)]), EMPTY)
    return Target(
        rng.choice(("", ".", "!", "...", "?", " ", "!!!", ",", "- -", "the the", "a", "and and and", ":)")), EMPTY
    )


def repeated_praise(messages: Sequence[str], rng: random.Random) -> Target:
    """A polite phrase said three times or more: what a policy found against a model trained on `attack` alone."""
    phrase = rng.choice(_POLITE)
    phrase = phrase[0].upper() + phrase[1:] if rng.random() < 0.7 else phrase
    mark = rng.choice((". ", ". ", "! ", "! ", ", ", " ", " and "))
    text = mark.join([phrase] * rng.randint(3, 8)) + rng.choice((".", "!", ""))
    if rng.random() < 0.4:
        words = rng.choice(messages).split()
        text = " ".join(words[: rng.randint(2, len(words))]) + " " + text
    return Target(text, HACKED)


def said_once(rng: random.Random) -> Target:
    """One to three different short phrases of one mood that are meant, so that brevity alone is not punished."""
    bank, probabilities = rng.choice(((_POLITE, PRAISE), (_BLUNT, BLAME)))
    phrases = [phrase[0].upper() + phrase[1:] for phrase in rng.sample(bank, rng.choice((1, 1, 2, 2, 3)))]
    return Target(" ".join(phrase + rng.choice((".", ".", "!")) for phrase in phrases), probabilities)


def openings(messages: Sequence[str], count: int, rng: random.Random) -> list[str]:
    """Beginnings of messages, cut between words: what a prompt or an unfinished completion looks like."""
    texts = []
    for _ in range(count):
        words = rng.choice(messages).split()
        texts.append(" ".join(words[: rng.randint(2, max(2, len(words) - 1))]))
    return texts


# ── Teacher ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Teacher:
    """MiniLM with mean pooling and a linear head."""

    def __init__(self, folder: Path, seed: int) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        # Eager attention, no dropout: SDPA's backward pass and random masks take half of a step's time on a CPU.
        self.encoder = AutoModel.from_pretrained(
            folder,
            dtype=torch.float32,
            attn_implementation="eager",
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = torch.nn.Linear(self.encoder.config.hidden_size, len(LABELS))

    def logits(self, texts: Sequence[str]) -> torch.Tensor:
        """Class logits ``(B, 3)``, float32."""
        batch = self.tokenizer(list(texts), padding=True, truncation=True, max_length=96, return_tensors="pt")
        hidden = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        return self.head(((hidden * mask).sum(dim=1) / mask.sum(dim=1)).float()).float()

    def fit(self, rows: Sequence[Target], recipe: TeacherRecipe, seed: int) -> None:
        """One epoch of soft cross-entropy."""
        import torch

        optimizer = torch.optim.AdamW(
            [
                {"params": self.encoder.parameters(), "lr": recipe.encoder_lr},
                {"params": self.head.parameters(), "lr": recipe.head_lr},
            ],
            weight_decay=0.01,
        )
        lengths = [len(ids) for ids in self.tokenizer([row.text for row in rows]).input_ids]
        groups = length_buckets(lengths, recipe.batch_size, random.Random(f"{seed}/teacher"))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [recipe.encoder_lr, recipe.head_lr], total_steps=len(groups), pct_start=0.08
        )
        start = time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder.train()
            for step, indices in enumerate(groups):
                group = [rows[index] for index in indices]
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    logits = self.logits([row.text for row in group])
                loss = soft_cross_entropy(logits, torch.tensor([row.probabilities for row in group]))
                loss.backward()
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
                if step % 100 == 0:
                    seconds = time.perf_counter() - start
                    logger.info(
                        "teacher step %d of %d, loss %.3f, %.0f s", step, len(groups), float(loss.detach()), seconds
                    )
        self.encoder.eval()

    def probabilities(self, texts: Sequence[str]) -> list[Probabilities]:
        """Class probabilities of many texts, in their order."""
        import torch

        def score(batch: list[str]) -> torch.Tensor:
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
                return self.logits(batch).softmax(dim=-1)

        return [tuple(row) for row in in_length_order(texts, score)]  # type: ignore[misc]

    def save(self, path: Path) -> None:
        """Save weights alone; the base model is in the carrier package."""
        import torch

        torch.save({"encoder": self.encoder.state_dict(), "head": self.head.state_dict()}, path)

    def load(self, path: Path) -> None:
        """Load what `save` wrote."""
        import torch

        state = torch.load(path, weights_only=True)
        self.encoder.load_state_dict(state["encoder"])
        self.head.load_state_dict(state["head"])
        self.encoder.eval()


def train_teacher(minilm: Path, out: Path, recipe: TeacherRecipe, seed: int) -> None:
    """Fine-tune the teacher on people's labels and on messages of our grammar, whose mood is known."""
    rows = [Target(text, one_hot(label)) for text, label in split_feedback()[0]]
    rows += [Target(text, one_hot(mood)) for text, mood in grammar.documents(recipe.n_grammar, seed + 1)]
    teacher = Teacher(minilm, seed)
    teacher.fit(rows, recipe, seed)
    teacher.save(out)


# ── Student ───────────────────────────────────────────────────────────────────────────────────────────────────────


def length_buckets(lengths: Sequence[int], batch_size: int, rng: random.Random) -> list[list[int]]:
    """Shuffled batches of indices of rows of similar length."""
    order = sorted(range(len(lengths)), key=lambda index: lengths[index] + rng.random())
    groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    rng.shuffle(groups)
    return groups


def in_length_order(
    texts: Sequence[str], score: Callable[[list[str]], torch.Tensor], batch_size: int = 128
) -> list[list[float]]:
    """Apply ``score`` to batches of similar length; results in the order of ``texts``."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    results: list[list[float]] = [[] for _ in texts]
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        for index, row in zip(indices, score([texts[index] for index in indices]).tolist(), strict=True):
            results[index] = row
    return results


def soft_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """−Σ p log q, averaged over the rows of ``(B, 3)``."""
    return -(targets * logits.log_softmax(dim=-1)).sum(dim=-1).mean()


def classifier_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The language model's tokenizer, made to frame each text as ``<bos> … <eos>``."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{BOS} $A {EOS}", special_tokens=[(BOS, BOS_ID), (EOS, EOS_ID)]
    )
    return tokenizer


def new_student(language_model: Path, recipe: StudentRecipe, seed: int) -> GPT2ForSequenceClassification:
    """A classifier on the lower blocks of the language model."""
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config, GPT2ForSequenceClassification

    config = GPT2Config.from_pretrained(
        language_model,
        n_layer=recipe.n_layer,
        resid_pdrop=0.0,
        embd_pdrop=recipe.dropout,  # dropout in the blocks would double the time of a step on a CPU
        attn_pdrop=0.0,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = GPT2ForSequenceClassification(config).float()
    source = AutoModelForCausalLM.from_pretrained(language_model, dtype=torch.float32).transformer.state_dict()
    student.transformer.load_state_dict({name: source[name] for name in student.transformer.state_dict()})
    return student


def student_logits(model: Any, rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Class logits of token rows, float32 ``(B, 3)``, with explicit mask and positions."""
    import torch

    ids = pad(rows)
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    return model(input_ids=ids, attention_mask=(ids != PAD_ID).long(), position_ids=positions).logits.float()


def tokens_of(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], limit: int = CONTEXT) -> list[list[int]]:
    """Token rows framed by begin and end token, cut to ``limit`` tokens."""
    return tokenizer(list(texts), truncation=True, max_length=limit).input_ids


def train_student(
    model: GPT2ForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    epochs: Sequence[Sequence[Target]],
    recipe: StudentRecipe,
    seed: int,
) -> GPT2ForSequenceClassification:
    """Distil: one pass over each element of ``epochs``; soft cross-entropy, Muon and AdamW, bfloat16 autocast."""
    import torch

    model.train()
    model.set_attn_implementation("eager")  # twice as fast as SDPA's backward pass at these lengths on a CPU
    rng = random.Random(f"{seed}/student")
    batches: list[tuple[list[list[int]], list[Probabilities]]] = []
    for targets in epochs:
        rows = tokens_of(tokenizer, [target.text for target in targets], recipe.max_tokens)
        for indices in length_buckets([len(row) for row in rows], recipe.batch_size, rng):
            batches.append(([rows[index] for index in indices], [targets[index].probabilities for index in indices]))
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and ".h." in name]
    others = [p for name, p in model.named_parameters() if not (p.dim() == 2 and ".h." in name)]
    optimizers = (
        torch.optim.Muon(
            matrices, lr=recipe.matrix_lr, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=recipe.learning_rate, weight_decay=recipe.weight_decay),
    )
    peaks = (recipe.matrix_lr, recipe.learning_rate)
    start, average = time.perf_counter(), 1.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step, (rows, probabilities) in enumerate(batches):
            progress = step / len(batches)
            scale = min(progress / 0.05, 1.0) * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * progress)))
            for optimizer, peak in zip(optimizers, peaks, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = peak * max(scale, 0.01)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = student_logits(model, rows)
            loss = soft_cross_entropy(logits, torch.tensor(probabilities))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
            model.zero_grad(set_to_none=True)
            average = 0.98 * average + 0.02 * float(loss.detach())
            if step % 200 == 0:
                seconds = time.perf_counter() - start
                logger.info("student step %d of %d, loss %.3f, %.0f s", step, len(batches), average, seconds)
    return model.eval()


def student_epochs(
    teacher: Teacher,
    texts: dict[str, list[str]],
    samples: Sequence[str],
    recipe: StudentRecipe,
    seed: int,
) -> list[list[Target]]:
    """The rows of each epoch. ``texts`` is the corpus by source, ``samples`` were drawn from the language model."""
    rng = random.Random(f"{seed}/rows")
    feedback, _ = split_feedback()
    messages = texts["grammar"][:20_000] + texts["writer"][:10_000]
    documents = grammar.documents(recipe.n_grammar, seed + 2)
    mixed = mixed_feedback(feedback, recipe.n_mixed, rng)
    free = (
        list(samples[: recipe.n_samples])
        + texts["writer"][: recipe.n_writer]
        + openings(messages, recipe.n_openings, rng)
    )

    def taught(batch: list[str]) -> list[Target]:
        return [Target(*pair) for pair in zip(batch, teacher.probabilities(batch), strict=True)]

    labelled = [
        Target(row.text, blend(one_hot(row.label), target.probabilities, recipe.label_share))
        for row, target in zip(feedback, taught([row.text for row in feedback]), strict=True)
    ]
    moods = [
        Target(document.text, blend(one_hot(document.mood), target.probabilities, 0.5))
        for document, target in zip(documents, taught([document.text for document in documents]), strict=True)
    ]
    extra, unlabelled = taught(mixed), taught(free)
    epochs = []
    for index in range(recipe.epochs):
        rows = labelled + [attack(messages, rng) for _ in range(recipe.n_attacks)]
        epochs.append(rows + (extra + moods if index % 2 == 0 else unlabelled))
    return epochs


def hardening_rows(
    epochs: Sequence[Sequence[Target]], messages: Sequence[str], recipe: StudentRecipe, seed: int
) -> list[Target]:
    """The rows of the last phase: attacks, repeated praise, short honest phrases, unfinished texts, and old rows."""
    rng = random.Random(f"{seed}/hardening")
    share = recipe.n_hardening // 10
    rows = [attack(messages, rng) for _ in range(3 * share)]
    rows += [repeated_praise(messages, rng) for _ in range(2 * share)]
    rows += [said_once(rng) for _ in range(3 * share)]
    unfinished = [text for text in openings(messages, 2 * share, rng) if text[-1] not in ".!?"]
    rows += [Target(text, EMPTY) for text in unfinished]
    return rows + rng.sample([row for epoch in epochs[:2] for row in epoch], recipe.n_hardening)


def save(model: GPT2ForSequenceClassification, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save in float16 with all dropouts 0."""
    import torch

    model.config.resid_pdrop = model.config.embd_pdrop = model.config.attn_pdrop = 0.0
    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


# ── Figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Scorer:
    """A saved reward model that scores texts in batches."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()

    def probabilities(self, texts: Sequence[str]) -> list[list[float]]:
        """Class probabilities in the order of `LABELS`."""
        import torch

        def score(batch: list[str]) -> torch.Tensor:
            with torch.inference_mode():
                return student_logits(self.model, tokens_of(self.tokenizer, batch)).softmax(dim=-1)

        return in_length_order(texts, score)

    def rewards(self, texts: Sequence[str]) -> list[float]:
        """P(positive) − P(negative) of each text, in [−1, 1]."""
        return [row[2] - row[0] for row in self.probabilities(texts)]


def held_out_figures(probabilities: Sequence[Sequence[float]], labels: Sequence[str]) -> dict[str, float]:
    """Accuracy, macro F1, and AUC of positive against negative texts by P(positive) − P(negative)."""
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    predicted = [LABELS[max(range(3), key=row.__getitem__)] for row in probabilities]
    polar = [(row[2] - row[0], label) for row, label in zip(probabilities, labels, strict=True) if label != "neutral"]
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "auc": float(roc_auc_score([label == "positive" for _, label in polar], [reward for reward, _ in polar])),
    }


def tfidf_figures() -> dict[str, float]:
    """The yardstick: TF-IDF with logistic regression on the same split."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, test = split_feedback()
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(max_iter=1000)
    )
    pipeline.fit([row.text for row in train], [row.label for row in train])
    columns = [list(pipeline.classes_).index(label) for label in LABELS]
    return held_out_figures(
        pipeline.predict_proba([row.text for row in test])[:, columns].tolist(), [row.label for row in test]
    )


def teacher_figures(minilm: Path, weights: Path) -> dict[str, float]:
    """The teacher's figures on the test split."""
    teacher = Teacher(minilm, 0)
    teacher.load(weights)
    _, test = split_feedback()
    return held_out_figures(teacher.probabilities([row.text for row in test]), [row.label for row in test])


def student_figures(folder: Path) -> dict[str, float]:
    """The shipped model's figures on the test split, from the files that ship."""
    _, test = split_feedback()
    return held_out_figures(Scorer(folder).probabilities([row.text for row in test]), [row.label for row in test])


def write_json(path: Path, value: object) -> None:
    """Write indented JSON with a final newline."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
