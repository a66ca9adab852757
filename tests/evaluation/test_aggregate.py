"""Aggregates over runs and ids: against rliable and scipy, by hand, and against their promised coverage."""

from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.stats

from textgym.evaluation import aggregate, resampling
from textgym.evaluation.resampling import Scores, bootstrap

RLIABLE = {
    # rliable 1.2.0 (library.get_interval_estimates, 50,000 resamples; 5,000 for the probability, 20,000 for the profile
    # and the curve) with arch 8.0.0, on the scores of `drawn`: value, low, high. It needed a patch to run: arch no
    # longer takes the random_state that rliable passes.
    "iqm": (0.4699223, 0.42483727, 0.51936049),
    "mean": (0.48184231, 0.43919878, 0.52488248),
    "median": (0.47759535, 0.43313363, 0.5308319),
    "optimality_gap": (0.51815769, 0.47511752, 0.56080122),
    "probability": (0.4625, 0.3625, 0.5625),
    "profile": ((0.875, 0.4375, 0.125), (0.8125, 0.3375, 0.0625), (0.9375, 0.5375, 0.1875)),
    "curve": (
        (0.49035325, 0.50589227, 0.44821138),
        (0.44504239, 0.45891587, 0.40932518),
        (0.54088969, 0.55276423, 0.4891496),
    ),
}


def drawn():
    rng = np.random.default_rng(2021)
    return rng.beta(2, 2, size=(5, 16)), rng.beta(2.5, 2, size=(4, 16)), rng.beta(2, 2, size=(5, 16, 3))


def test_aggregates_by_hand():
    scores = np.array([[0.0, 0.2, 0.9, 2.0], [0.2, 0.4, 0.5, 1.0]])
    assert aggregate.mean(scores) == pytest.approx(5.2 / 8)
    assert aggregate.iqm(scores) == pytest.approx((0.2 + 0.4 + 0.5 + 0.9) / 4)
    assert aggregate.median(scores) == pytest.approx((0.3 + 0.7) / 2)  # means of the ids: 0.1, 0.3, 0.7, 1.5
    assert aggregate.optimality_gap(scores) == pytest.approx(1 - 4.2 / 8)  # 2.0 counts as 1


@pytest.mark.parametrize("shape", [(5, 16), (3, 1), (2, 3)])
def test_the_interquartile_mean_is_scipys_trimmed_mean(shape):
    scores = np.random.default_rng(0).normal(size=shape)
    assert aggregate.iqm(scores) == pytest.approx(scipy.stats.trim_mean(scores, 0.25, axis=None))


def test_aggregates_and_plain_intervals_are_rliables():
    found = aggregate.aggregates({"x": drawn()[0]}, resamples=20_000, corrected=False)["x"]
    for name in aggregate.AGGREGATES:
        assert found[name][:3] == pytest.approx(RLIABLE[name], abs=0.002), name
        assert found[name].over == "seeds"


def test_the_probability_of_improvement_is_rliables():
    x, y, _ = drawn()
    found = aggregate.probability_of_improvement(x, y, corrected=False)
    assert found[:3] == pytest.approx(RLIABLE["probability"], abs=0.005)


def test_the_probability_of_improvement_is_mann_and_whitneys_u():
    rng = np.random.default_rng(1)
    x, y = rng.integers(4, size=(6, 3)), rng.integers(4, size=(5, 3))  # with ties
    u = [scipy.stats.mannwhitneyu(x[:, e], y[:, e]).statistic for e in range(3)]
    assert aggregate.probability_of_improvement(x, y, resamples=10).value == pytest.approx(np.mean(u) / 30)


def test_profiles_and_curves_are_rliables():
    x, _, curves = drawn()
    profile = aggregate.performance_profile(x, [0.25, 0.5, 0.75], corrected=False)
    np.testing.assert_allclose(profile[1:4], RLIABLE["profile"], atol=0.0126)  # one cell of 80
    curve = aggregate.sample_efficiency(curves, [10, 20, 30], corrected=False)
    np.testing.assert_allclose(curve[1:4], RLIABLE["curve"], atol=0.003)
    assert curve.over == profile.over == "seeds"


def test_the_bootstrap_of_one_id_is_scipys():
    values = np.random.default_rng(2).gamma(2.0, size=30)
    ours = bootstrap([Scores.of_runs(values[:, None])], aggregate.mean, corrected=False).interval()
    theirs = scipy.stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(3))
    assert ours[1:3] == pytest.approx(tuple(theirs.confidence_interval), abs=0.02)


def test_ranks_share_ties_and_know_their_uncertainty():
    rng = np.random.default_rng(4)
    close = rng.normal(0.5, 0.2, size=(5, 8))
    found = aggregate.ranks({"low": rng.normal(0, 0.01, (5, 8)), "a": close, "b": close[::-1]})
    assert [found[name].value for name in ("low", "a", "b")] == [3.0, 1.5, 1.5]
    assert found["low"][1:3] == (3.0, 3.0)
    assert (found["a"].low, found["a"].high) == (1.0, 2.0)
    assert aggregate.ranks({"low": np.zeros((2, 2)), "high": np.ones((2, 2))}, "optimality_gap")["high"].value == 1.0


def test_an_interval_says_what_it_is_over():
    rng = np.random.default_rng(5)
    tables = [rng.normal(size=(3, 20)), rng.normal(size=(3, 9))]
    one = [table[:1] for table in tables]
    found = aggregate.aggregates({"one": Scores.of_prompts(one), "three": Scores.of_prompts(tables)}, resamples=50)
    assert found["one"]["iqm"].over == "prompts"
    assert found["three"]["iqm"].over == "prompts and seeds"
    mixed = aggregate.difference(Scores.of_prompts(one), Scores.of_prompts(tables), resamples=50)
    assert mixed.over == "prompts and seeds"


def test_prompts_are_paired_between_agents():
    # The second is the first plus a constant on every prompt, so that nothing about their difference is uncertain.
    table = np.random.default_rng(6).normal(size=(1, 40))
    found = aggregate.difference(Scores.of_prompts([table]), Scores.of_prompts([table + 0.25]), "mean", resamples=500)
    assert found[:3] == pytest.approx((0.25, 0.25, 0.25))


def test_one_model_on_many_ids_is_fewer_runs_than_many_models():
    # The luck of a run is the same on all ids; taking it for new luck on each would promise four times too much.
    luck = np.random.default_rng(7).normal(size=(5, 1)) + np.zeros((5, 16))
    apart = aggregate.aggregates({"x": Scores.of_runs(luck)}, seed=1)["x"]["mean"]
    whole = aggregate.aggregates({"x": Scores.of_runs(luck, one_model=True)}, seed=1)["x"]["mean"]
    assert whole.high - whole.low > 3.9 * (apart.high - apart.low)


def test_the_seed_decides_and_pieces_change_only_memory(monkeypatch):
    tables = [np.random.default_rng(8).normal(size=(3, 12)) for _ in range(4)]
    agents = {"x": Scores.of_prompts(tables)}
    first = aggregate.aggregates(agents, resamples=300, seed=7)
    assert aggregate.aggregates(agents, resamples=300, seed=7) == first
    assert aggregate.aggregates(agents, resamples=300, seed=8) != first
    monkeypatch.setattr(resampling, "_CELLS", 120)
    assert aggregate.aggregates(agents, resamples=300, seed=7) == first


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: aggregate.aggregates({"x": [[1.0, np.nan], [1.0, 1.0]]}), "1 of 4 scores are missing"),
        (lambda: aggregate.aggregates({"x": [[1.0, 2.0]]}), "One run says nothing of another seed"),
        (lambda: aggregate.aggregates({"x": np.ones((2, 3)), "y": np.ones((2, 4))}), "the same ids.*'x': 3, 'y': 4"),
        (lambda: aggregate.difference(np.ones((2, 3)), np.ones((2, 4))), "the same ids"),
        (lambda: aggregate.aggregates({"x": [1.0, 2.0]}), "matrix of runs × ids"),
        (lambda: Scores.of_prompts([np.ones((1, 1))]), "at least two prompts"),
        (lambda: Scores.of_prompts([np.ones((1, 5)), np.ones((2, 5))]), "Actual shapes"),
        (lambda: aggregate.sample_efficiency(np.ones((2, 3, 4)), [1, 2]), "steps as many"),
        (lambda: aggregate.complete([[[np.nan, 1.0]], [[1.0, np.nan]]]), "no id"),
    ],
)
def test_what_has_holes_or_says_nothing_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_complete_part_of_a_table_is_the_same_for_all_agents():
    nan = np.nan
    table = [[[1.0, 2.0, 3.0], [4.0, nan, 6.0]], [[7.0, 8.0, 9.0], [nan, nan, nan]]]  # the second agent has one run
    (first, second), kept = aggregate.complete(table)
    assert kept.tolist() == [True, False, True]
    assert first.tolist() == [[1.0, 3.0], [4.0, 6.0]]
    assert second.tolist() == [[7.0, 9.0]]


def test_a_table_of_ten_agents_takes_under_two_seconds():
    rng = np.random.default_rng(9)
    agents = {str(i): rng.random((20, 16)) for i in range(10)}
    aggregate.aggregates(agents, resamples=100)
    start = time.process_time()  # of our own work: a busy machine is not a slow function
    aggregate.aggregates(agents, resamples=10_000)
    assert time.process_time() - start < 2


# Coverage. Sixteen ids of means 0.1 to 0.9; scores follow Beta laws of deviation 0.13 to 0.22, skewed at the ends.

MEANS = np.linspace(0.1, 0.9, 16)


def tables(rng, count, runs=5, means=MEANS):
    return rng.beta(means * 4, (1 - means) * 4, size=(count, runs, len(means)))


def truth(statistic, runs=5):
    """What the aggregate of that many runs is on average: of the IQM and the median, R is part of the definition."""
    return float(statistic(tables(np.random.default_rng(0), 20_000, runs)).mean())


@pytest.mark.parametrize(("corrected", "least", "most"), [(True, 0.93, 0.97), (False, 0.87, 0.93)])
def test_intervals_of_five_seeds_on_sixteen_ids_cover_95_percent_only_when_corrected(corrected, least, most):
    names = ("iqm", "mean", "optimality_gap")
    truths, hits = {name: truth(aggregate.AGGREGATES[name]) for name in names}, dict.fromkeys(names, 0)
    for i, table in enumerate(tables(np.random.default_rng(10), 1000)):
        found = aggregate.aggregates({"x": table}, resamples=300, seed=i, corrected=corrected)["x"]
        for name in names:
            hits[name] += found[name].low <= truths[name] <= found[name].high
    for name in names:
        assert least <= hits[name] / 1000 <= most, (name, hits)


def test_an_interval_of_five_seeds_on_one_id_covers_95_percent_only_when_corrected():
    rng, hits = np.random.default_rng(14), np.zeros(2)
    for i in range(1000):
        scores = Scores.of_runs(rng.normal(size=(5, 1)))
        for k, corrected in enumerate((True, False)):
            found = bootstrap([scores], aggregate.mean, resamples=300, seed=i, corrected=corrected).interval()
            hits[k] += found.low <= 0 <= found.high
    assert 0.93 <= hits[0] / 1000 <= 0.97
    assert 0.80 <= hits[1] / 1000 <= 0.86


@pytest.mark.parametrize("runs", [3, 10])
def test_intervals_of_other_numbers_of_seeds_cover_95_percent(runs):
    expected, hits = truth(aggregate.iqm, runs), 0
    for i, table in enumerate(tables(np.random.default_rng(11), 1000, runs)):
        found = bootstrap([Scores.of_runs(table)], aggregate.iqm, resamples=300, seed=i).interval()
        hits += found.low <= expected <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_differences_and_probabilities_of_five_seeds_cover_95_percent():
    rng = np.random.default_rng(12)
    many = tables(rng, 20_000), tables(rng, 20_000, means=MEANS * 0.9)
    gap = aggregate.iqm(many[1]).mean() - aggregate.iqm(many[0]).mean()
    chance = (many[0][:, 0] > many[1][:, 0]).mean()
    hits = [0, 0]
    for i, (x, y) in enumerate(zip(tables(rng, 1000), tables(rng, 1000, means=MEANS * 0.9), strict=True)):
        found = aggregate.difference(x, y, resamples=300, seed=i)
        hits[0] += found.low <= gap <= found.high
        found = aggregate.probability_of_improvement(x, y, resamples=300, seed=i)
        hits[1] += found.low <= chance <= found.high
    assert 0.93 <= hits[0] / 1000 <= 0.97
    assert 0.93 <= hits[1] / 1000 <= 0.98


@pytest.mark.parametrize(
    ("runs", "prompts", "noise", "over"), [(5, 64, 0.1, "prompts and seeds"), (1, 64, 0.0, "prompts")]
)
def test_intervals_over_prompts_and_seeds_cover_95_percent(runs, prompts, noise, over):
    rng, hits = np.random.default_rng(13), 0
    for i in range(1000):
        found = bootstrap(
            [
                Scores.of_prompts(
                    [
                        0.5
                        + noise * rng.normal(size=(runs, 1))  # of a training run
                        + 0.3 * rng.normal(size=prompts)  # of a prompt, the same for all runs
                        + 0.3 * rng.normal(size=(runs, prompts))  # of the tokens drawn
                        for _ in range(4)
                    ]
                )
            ],
            aggregate.mean,
            resamples=300,
            seed=i,
        ).interval()
        assert found.over == over
        hits += found.low <= 0.5 <= found.high
    assert 0.93 <= hits / 1000 <= 0.975
