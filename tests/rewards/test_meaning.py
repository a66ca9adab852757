"""Similarity, BERTScore and coherence, against loops written from their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers

from textgym import assets
from textgym.errors import ModelError, OptionError, RewardError
from textgym.rewards import encoders
from textgym.rewards.examples import MESSAGES
from textgym.rewards.meaning import BertScore, Coherence, Similarity

TEXTS = ["the food was good", "the staff was rude and slow", "we loved it", "great"]
REFERENCES = [["food good", "it was awful"], ["the staff was rude and slow"], ["we loved the food"], ["awful", "bad"]]
PROMPTS = [""] * len(TEXTS)


@pytest.fixture(autouse=True)
def _fresh_models():
    encoders.load.cache_clear()


@pytest.fixture(scope="module")
def encoder_decoder_folder(classifier_folder, tmp_path_factory) -> str:
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("models") / "encoder_decoder"
    tokenizer = transformers.AutoTokenizer.from_pretrained(classifier_folder)
    config = transformers.T5Config(
        vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def framing_folder(classifier_folder, tmp_path_factory) -> str:
    """The encoder with a tokenizer that puts a text between [CLS] and [SEP], as BERT's does."""
    from tokenizers.processors import TemplateProcessing

    folder = tmp_path_factory.mktemp("models") / "framing"
    transformers.AutoModel.from_pretrained(classifier_folder).save_pretrained(folder)
    rust = transformers.AutoTokenizer.from_pretrained(classifier_folder).backend_tokenizer
    rust.post_processor = TemplateProcessing(single="<bos> $A <eos>", special_tokens=[("<bos>", 1), ("<eos>", 2)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, pad_token="<pad>", cls_token="<bos>", sep_token="<eos>", unk_token="<unk>"
    ).save_pretrained(folder)
    return str(folder)


def states(folder: str, text: str, layer: int = -1) -> torch.Tensor:
    """The states of one text, alone and so without padding, ``(T, D)``."""
    model = transformers.AutoModel.from_pretrained(folder)
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    ids = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(input_ids=ids, output_hidden_states=True).hidden_states[layer][0]


def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(first @ second / first.norm() / second.norm())


def slow_bert_score(candidate: torch.Tensor, reference: torch.Tensor) -> float:
    """Equations 1 to 3 of Zhang et al. 2020, token by token."""
    recall = sum(max(cosine(x, y) for y in candidate) for x in reference) / len(reference)
    precision = sum(max(cosine(x, y) for x in reference) for y in candidate) / len(candidate)
    return 2 * precision * recall / (precision + recall) if min(precision, recall) > 0 else 0.0


@pytest.mark.parametrize("kind", ["classifier", "language_model", "encoder_decoder", "framing"])
def test_similarity_is_the_cosine_of_means(kind, request):
    folder = request.getfixturevalue(f"{kind}_folder")
    expected = [
        max(cosine(states(folder, text).mean(0), states(folder, other).mean(0)) for other in row)
        for text, row in zip(TEXTS, REFERENCES, strict=True)
    ]
    assert Similarity(model=folder)(PROMPTS, TEXTS, references=REFERENCES) == pytest.approx(expected, abs=1e-5)
    assert expected[1] == pytest.approx(1.0)


@pytest.mark.parametrize("layer", [-1, 0, 1])
@pytest.mark.parametrize("kind", ["classifier", "language_model", "encoder_decoder"])
def test_bert_score_is_that_of_the_paper(kind, layer, request):
    folder = request.getfixturevalue(f"{kind}_folder")
    expected = [
        max(slow_bert_score(states(folder, text, layer), states(folder, other, layer)) for other in row)
        for text, row in zip(TEXTS, REFERENCES, strict=True)
    ]
    scores = BertScore(model=folder, layer=layer)(PROMPTS, TEXTS, references=REFERENCES)
    assert scores == pytest.approx(expected, abs=1e-5)


def test_tokens_that_frame_a_text_are_matched_but_do_not_count(framing_folder):
    x, y = states(framing_folder, "the food was good"), states(framing_folder, "it was awful")
    recall = np.mean([max(cosine(a, b) for b in y) for a in x[1:-1]])
    precision = np.mean([max(cosine(a, b) for a in x) for b in y[1:-1]])
    score = BertScore(model=framing_folder)([""], ["it was awful"], references=[["the food was good"]])
    assert score == [pytest.approx(2 * precision * recall / (precision + recall), abs=1e-5)]


def test_coherence_is_the_mean_cosine_of_neighbours(classifier_folder):
    sentences = ["the food was good.", "we loved it!", "the staff was rude"]
    a, b, c = (states(classifier_folder, sentence).mean(0) for sentence in sentences)
    reward = Coherence(model=classifier_folder)
    expected = (cosine(a, b) + cosine(b, c)) / 2
    assert reward(["", ""], [" ".join(sentences), "\n".join(sentences)]) == pytest.approx([expected] * 2, abs=1e-5)
    assert reward([""] * 3, ["the food was good.", "", " \n"]) == [-1.0] * 3


def test_against_the_prompt(classifier_folder):
    reward = Similarity(model=classifier_folder, against="prompt")
    first, second = (states(classifier_folder, text).mean(0) for text in ("the food was", "good"))
    assert reward(["the food was", ""], ["good", "good"]) == [pytest.approx(cosine(first, second), abs=1e-5), -1.0]
    assert "copied_prompt" in reward.gameable_by


def test_silence_is_the_low_end(classifier_folder):
    for reward, low in ((Similarity(model=classifier_folder), -1.0), (BertScore(model=classifier_folder), 0.0)):
        assert reward([""] * 3, ["", " \n", "great"], references=[["great"]] * 3) == [low, low, pytest.approx(1.0)]
        assert reward([""], ["great"], references=[["", "great"]]) == [pytest.approx(1.0)]
        assert reward([""], ["great"], references=[[" "]]) == [low]


def test_a_long_text_is_read_to_its_end(classifier_folder):
    short, long = "good " * 32, "good " * 32 + "awful " * 40  # the window is 32 tokens
    pieces = [states(classifier_folder, text) for text in (short, "awful " * 32, "awful " * 8)]
    expected = cosine(torch.cat(pieces).mean(0), pieces[0].mean(0))
    assert Similarity(model=classifier_folder)([""], [long], references=[[short]]) == [
        pytest.approx(expected, abs=1e-5)
    ]
    assert BertScore(model=classifier_folder)([""], [long], references=[[long]]) == [pytest.approx(1.0, abs=1e-5)]


@pytest.mark.parametrize("cls", [Similarity, BertScore])
def test_a_batch_scores_as_its_rows_do(cls, classifier_folder):
    batch = cls(model=classifier_folder)(PROMPTS * 40, TEXTS * 40, references=REFERENCES * 40)
    encoders.load.cache_clear()
    single = [
        cls(model=classifier_folder)([""], [t], references=[r])[0] for t, r in zip(TEXTS, REFERENCES, strict=True)
    ]
    assert batch[:4] == pytest.approx(single, abs=1e-5)
    assert batch == batch[:4] * 40


def test_what_was_embedded_is_remembered_to_the_last_bit(classifier_folder, monkeypatch):
    for cls in (Similarity, BertScore):
        first = cls(model=classifier_folder)(PROMPTS, TEXTS, references=REFERENCES)
        with monkeypatch.context() as patch:
            patch.setattr(encoders.Encoder, "states", lambda *_: pytest.fail("embedded again"))
            again = cls(model=classifier_folder)
            assert [again([""], [t], references=[r])[0] for t, r in zip(TEXTS, REFERENCES, strict=True)] == first


def test_a_model_without_the_head_that_is_not_used_is_fine(classifier_folder, tmp_path):
    model = transformers.AutoModel.from_pretrained(classifier_folder, add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(classifier_folder).save_pretrained(tmp_path)
    bare, full = Similarity(model=str(tmp_path)), Similarity(model=classifier_folder)
    assert bare([""], ["good"], references=[["bad"]]) == full([""], ["good"], references=[["bad"]])
    assert bare.fingerprint == full.fingerprint
    assert len(bare.fingerprint) == 64


def test_what_it_cannot_do_is_named(classifier_folder):
    with pytest.raises(OptionError, match=r"similarity\(against=…\) takes one of .*Actual value: 'prompts'"):
        Similarity(against="prompts")
    with pytest.raises(OptionError, match=r"bert_score\(layer=…\) takes the number of a layer. Actual value: 'last'"):
        BertScore(layer="last")
    with pytest.raises(OptionError, match=r"has the layers 0 to 2. Actual value: 3"):
        BertScore(model=classifier_folder, layer=3)([""], ["good"], references=[["bad"]])
    with pytest.raises(RewardError, match="'similarity' compares with references"):
        Similarity(model=classifier_folder)([""], ["good"])
    with pytest.raises(ModelError, match="No reward model could be loaded from 'no/such-model'"):
        Similarity(model="no/such-model")([""], ["good"], references=[["bad"]])


def test_the_shipped_encoder_knows_what_texts_are_about():
    def alike(first: str, second: str) -> float:
        return Similarity()([""], [first], references=[[second]])[0]

    assert alike("My kettle stopped working.", "The kettle broke.") > 0.5
    assert alike("My kettle stopped working.", "The kettle broke.") > alike(
        "My kettle stopped working.", "We had lunch."
    )
    completions = list(MESSAGES.completions)
    assert Similarity()(completions, completions, references=[[c] for c in completions]) == pytest.approx([1.0] * 6)
    assert (assets.path("similarity") / "README.md").is_file()
    for reward in (Similarity(), BertScore(), Coherence()):
        examples = reward.examples
        good = reward(list(examples.prompts), list(examples.completions), **examples.rows())
        assert min(good) > 0.3
