"""The rewards by name, imported when they are first made."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from textgym import plugins
from textgym.errors import OptionError, RewardError, suggest

from .base import Reward

FORMS = ("dense", "ensemble", "function", "inf", "per_token")
"""Words of the expression language, which no reward may be called."""

_CLASSES: dict[str, type[Reward] | str] = {
    "bert_score": "textgym.rewards.meaning:BertScore",
    "bleu": "textgym.rewards.overlap:Bleu",
    "chrf": "textgym.rewards.overlap:Chrf",
    "cider": "textgym.rewards.cider:Cider",
    "coherence": "textgym.rewards.meaning:Coherence",
    "concept_coverage": "textgym.rewards.coverage:ConceptCoverage",
    "distinct_n": "textgym.rewards.form:DistinctN",
    "edit_similarity": "textgym.rewards.matching:EditSimilarity",
    "english_words": "textgym.rewards.frequency:EnglishWords",
    "entity_boundary_f1": "textgym.rewards.entities:EntityBoundaryF1",
    "entity_f1": "textgym.rewards.entities:EntityF1",
    "exact_match": "textgym.rewards.overlap:ExactMatch",
    "fluency": "textgym.rewards.fluency:Fluency",
    "json_schema": "textgym.rewards.form:JsonSchema",
    "keyword_coverage": "textgym.rewards.coverage:KeywordCoverage",
    "label_accuracy": "textgym.rewards.classification:LabelAccuracy",
    "label_f1": "textgym.rewards.classification:LabelF1",
    "length": "textgym.rewards.form:Length",
    "meteor": "textgym.rewards.matching:Meteor",
    "metre": "textgym.rewards.poetry:Metre",
    "msttr": "textgym.rewards.lexical:Msttr",
    "ngram_entropy": "textgym.rewards.lexical:NgramEntropy",
    "parent": "textgym.rewards.parent:Parent",
    "perplexity": "textgym.rewards.fluency:Perplexity",
    "preference": "textgym.rewards.preference:Preference",
    "readability": "textgym.rewards.lexical:Readability",
    "regex": "textgym.rewards.form:Regex",
    "repetition": "textgym.rewards.form:Repetition",
    "reward_model": "textgym.rewards.reward_model:RewardModel",
    "rhyme": "textgym.rewards.poetry:Rhyme",
    "rouge_1": "textgym.rewards.rouge:Rouge1",
    "rouge_2": "textgym.rewards.rouge:Rouge2",
    "rouge_l": "textgym.rewards.rouge:RougeL",
    "rouge_lsum": "textgym.rewards.rouge:RougeLsum",
    "sentiment": "textgym.rewards.sentiment:Sentiment",
    "similarity": "textgym.rewards.meaning:Similarity",
    "syllables": "textgym.rewards.poetry:Syllables",
    "ter": "textgym.rewards.overlap:Ter",
    "token_f1": "textgym.rewards.overlap:TokenF1",
    "toxicity": "textgym.rewards.safety:Toxicity",
    "toxicity_lexicon": "textgym.rewards.safety:ToxicityLexicon",
    "unit_tests": "textgym.rewards.code:UnitTests",
    "vader": "textgym.rewards.sentiment:Vader",
    "vocabulary_size": "textgym.rewards.lexical:VocabularySize",
    "word_frequency": "textgym.rewards.frequency:WordFrequency",
}


_WITH_OPTIONS: dict[str, type[Reward] | str] = {"judge": "textgym.rewards.judge:Judge"}
"""Rewards by name that cannot be made without options, and so are not among `names`."""


def names() -> list[str]:
    """Returns the registered names, sorted, those of other packages (`textgym.plugins`) included.

    `make` takes each of them, without further arguments.
    """
    return sorted({*_CLASSES, *_added()})


def known(name: str) -> bool:
    """Returns whether `build` can make a reward of this name, with options or without."""
    return name in _CLASSES or name in _WITH_OPTIONS or name in _added()


def register(name: str, cls: type[Reward] | str) -> None:
    """Makes ``cls`` available under ``name``, in `make` and in expressions.

    Args:
        name: A Python identifier, the ``name`` of the class.
        cls: The class, or ``"module:Class"`` to import it when it is first made.

    Raises:
        RewardError: If the name cannot be used or is taken by another class.
    """
    if not name.isidentifier() or name in FORMS or name in _WITH_OPTIONS:
        raise RewardError(
            f"A reward cannot be registered as {name!r}: give an identifier other than {(*FORMS, *_WITH_OPTIONS)}."
        )
    if _CLASSES.setdefault(name, cls) != cls:
        raise RewardError(f"The reward name {name!r} is taken by {_CLASSES[name]}. Choose another.")


def build(name: str, *args: Any, **options: Any) -> Reward:
    """Returns the reward registered as ``name``, made with these options.

    Raises:
        RewardError: If there is no such reward, or an option has a value that it cannot take.
        OptionError: If there is no such option.
    """
    if not known(name):
        raise RewardError(f"No reward is called {name!r}.{suggest(name, names())} Registered: {', '.join(names())}.")
    target: Any = _CLASSES.get(name) or _WITH_OPTIONS.get(name)
    if target is None:
        target = plugins.load(plugins.REWARDS, name, RewardError)
        if not (isinstance(target, type) and issubclass(target, Reward)):
            raise RewardError(
                f"What a package adds as the reward {name!r} is no Reward class. Actual value: {target!r}."
            )
    if isinstance(target, str):
        module, _, attribute = target.partition(":")
        target = getattr(importlib.import_module(module), attribute)
    return construct(target, *args, **options)


def _added() -> list[str]:
    """Returns the names that other packages add; ours, and the words of expressions, are not theirs to take."""
    return [name for name in plugins.found(plugins.REWARDS) if name.isidentifier() and name not in FORMS]


def construct(cls: Any, *args: Any, **options: Any) -> Any:
    """Returns ``cls(*args, **options)``, and names the options that there are where one does not exist."""
    parameters = inspect.signature(cls).parameters
    for option, value in options.items():
        if option not in parameters:
            raise OptionError(
                f"{_label(cls)} has no option {option}={value!r}.{suggest(option, parameters)} "
                f"It takes {', '.join(parameters) or 'none'}."
            )
    try:
        inspect.signature(cls).bind(*args, **options)
    except TypeError as error:
        raise OptionError(f"{_label(cls)}: {error}. It takes {', '.join(parameters) or 'no options'}.") from error
    return cls(*args, **options)


def whole(reward: Reward, options: dict[str, Any]) -> Reward:
    """Returns ``reward``, which takes no options any more.

    Raises:
        OptionError: If there are options.
    """
    if options:
        raise OptionError(f"{reward!r} is already made and takes no options. Actual value: {options}.")
    return reward


def _label(cls: Any) -> str:
    name = getattr(cls, "name", None)
    return f"Reward {name!r}" if isinstance(name, str) and name else cls.__name__
