"""The page of a bench, in a real browser: what it draws, what it does, and what hostile texts cannot make it do."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from textgym.bench.page import write_page
from textgym.bench.page_aggregates import normalised
from textgym.bench.page_episodes import short
from textgym.bench.page_numbers import command, pooled
from textgym.bench.results import Bench, BenchConfig
from textgym.errors import DataError, OptionError
from textgym.evaluation.report import Metric

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in BROWSERS if (path := shutil.which(name))), None)
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
IDS = ("TextGen-Sentiment-v0", "TextGen-Story-v0")
MISSING = ("ppo", 0, "TextGen-Story-v0")

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "--><!--<script>window.hacked = 1",
    "&lt;b&gt; &amp; $title ${title} $$",
    "\u202egnp.exe \u2066 \u200b\u0000\x1b[31m\x07",
    "שלום עולם مرحبا",
    "x" * 20_000,
    "Z̸̡͎̘͓̠̗͖̱̿̏́̓͒̉͝" * 40,
    "HALF",  # of a surrogate pair: put in below
    "line\r\nbreak\tand\u2028more",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 日本語",
)


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright, of the extra textgym[dev], drives the browser"
    )
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory, synthetic):
    """A bench of three agents on six ids, one cell missing, with curves."""
    bench = synthetic(tmp_path_factory.mktemp("benches") / "small", missing={MISSING}, unmarked={"TextGen-Dialogue-v0"})
    curve = {"steps": [0, 500, 1000], "mean": [0.1, None, 0.8], "low": [0.0, 0.3, 0.7], "high": [0.2, 0.5, 0.9]}
    timed = {"x": [0, 3, 6], "mean": [0.1, 0.5, 0.8], "low": [0.0, 0.3, 0.7], "high": [0.2, 0.5, 0.9]}
    curve["by"] = {"seconds": timed}
    (bench.path / "curves.json").write_text(json.dumps({"ppo": {"TextGen-Sentiment-v0": curve}}), encoding="utf-8")
    write_page(bench)
    return bench


@contextmanager
def opened(browser, path, viewport=DESKTOP, scheme="light"):
    """The page, and what went wrong or was asked of a network while it was open: nothing, ever."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme, has_touch=viewport is PHONE)
    page = context.new_page()
    faults = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if not request.url.startswith("file:") else None)
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.goto(Path(path).as_uri())
    page.locator("#found", has_text=" of ").wait_for()  # wait_for_function would eval, which the page forbids
    yield page
    context.close()
    assert faults == []


def open_first(page, **filters):
    for name, value in filters.items():
        page.select_option(f"#filters [name={name}]", label=value)
    page.locator("#rows .row").first.click()
    page.wait_for_selector(".tokens")


def test_numbers_of_the_folder_stand_on_the_page(browser, small):
    cells = small.cells()
    with opened(browser, small.path / "index.html") as page:
        assert page.title() == "3 agents on 6 environments"
        shown = page.locator("#matrix tbody tr").all_inner_texts()
        sentiment = next(row for row in shown if row.startswith("TextGen-Sentiment-v0"))
        for agent in ("random", "zero_shot", "ppo"):
            score = cells[agent, 0, "TextGen-Sentiment-v0"].score
            assert f"{short(score.mean):.3f}".replace("-", "−") in sentiment
        assert next(row for row in shown if row.startswith("TextGen-Story-v0")).endswith("missing")
        assert next(row for row in shown if row.startswith("TextGen-Dialogue-v0")).count("none") == 3
        ranking = page.locator("#aggregates tbody tr").all_inner_texts()
        assert [row.split()[0] for row in ranking] == ["ppo", "zero_shot", "random"]
        note = page.inner_text("#aggregates .hint")
        assert "4 of 6 ids" in note
        assert "Left out: TextGen-Dialogue-v0, TextGen-Story-v0" in note
        alerts = page.locator("#alerts .note")
        assert "1 of 18 cells are missing" in alerts.first.inner_text()
        assert "ppo, run 0, TextGen-Story-v0" in alerts.first.text_content()
        page.select_option("#metric", label="length")
        lengths = next(row for row in page.locator("#matrix tbody tr").all_inner_texts() if "Sentiment" in row)
        assert f"{cells['ppo', 0, 'TextGen-Sentiment-v0'].metrics['length'].mean:.1f}" in lengths
        assert page.locator("#curves svg .line").count() == 2  # the line breaks where a point is unknown
        page.select_option("#curve-axis", label="seconds")
        assert page.locator("#curves svg .line").count() == 1
        assert "vocabulary0" in page.inner_text("#facts")


def test_plots_have_a_mark_for_each_agent_and_agents_can_be_hidden(browser, small):
    with opened(browser, small.path / "index.html") as page:
        assert page.locator("#dots .mark").count() == 3 * 5 - 1  # six ids, one without a score, one cell missing
        assert "missing" in page.inner_text("#dots")
        for plot in ("#dots", "#radar", "#profile", "#gaps", "#curve"):
            assert page.locator(f"{plot} svg[role=img][aria-label]").count() == 1, plot
        page.locator(".chip", has_text="random").click()
        assert page.locator("#dots .mark").count() == 2 * 5 - 1
        assert page.locator("#profile .mark").count() == 2
        assert page.locator(".chip[aria-pressed=false]").inner_text() == "random"


def test_only_the_rows_in_sight_are_elements_and_filters_find_the_rest(browser, small):
    episodes = {key: small.episodes(key) for key in small.cells()}
    everything = [episode for played in episodes.values() for episode in played]
    with opened(browser, small.path / "index.html") as page:
        found = page.locator("#found")
        total = len(everything)

        def says(number):
            return found.filter(has_text=re.compile(f"^{number} of {total} episodes$")).wait_for(timeout=3000)

        says(total)
        assert page.locator("#rows .row").count() < 40 < total
        page.select_option("[name=agent]", label="ppo")
        says(5 * 12)
        page.select_option("[name=id]", label="TextGen-Arithmetic-v0")
        says(12)
        mine = episodes["ppo", 0, "TextGen-Arithmetic-v0"]
        page.select_option("[name=finish]", label="eos")
        says(sum(e.finish_reason == "eos" for e in mine))
        page.locator("[type=reset]").click()
        says(total)
        page.select_option("[name=success]", label="not said")
        says(2 * 12)  # of Story, where ppo is missing
        page.select_option("[name=success]", label="yes")
        says(sum(e.success is True for e in everything))
        page.locator("[type=reset]").click()
        page.fill("[name=low]", "0.25")
        page.fill("[name=high]", "0.5")
        says(sum(0.25 <= short(e.reward) <= 0.5 for e in everything))
        page.locator("[type=reset]").click()
        page.fill("[name=text]", "KITE OVER")
        says(sum("kite over" in f"{e.prompt}\n{e.completion}".lower() for e in everything))
        page.locator("[type=reset]").click()
        page.locator("#grid-head button", has_text="Reward").click()
        page.locator("#grid-head button", has_text="Reward").click()
        assert page.locator("[aria-sort=descending]").inner_text().startswith("Reward")
        best = page.locator("#rows .row [data-c=reward]").first.inner_text()
        assert float(best) == pytest.approx(max(e.reward for e in everything), abs=1e-3)


def test_the_keyboard_reaches_a_token(browser, small):
    with opened(browser, small.path / "index.html") as page:
        page.focus("#rows")
        for key in ("End", "Home", "ArrowDown", "ArrowDown"):
            page.keyboard.press(key)
        assert page.locator("#rows .row.active").get_attribute("aria-rowindex") == "4"
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open] .tokens")
        assert page.inner_text("#episode-title").endswith("episode 2")
        page.focus(".tokens")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert page.locator(".token.current").get_attribute("data-i") == "1"
        assert "2 of" in page.inner_text(".readout")
        page.click("#next")
        assert page.inner_text("#episode-title").endswith("episode 3")
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0


CHANNELS = {
    "Log-probability": "log_probs",
    "Value": "values",
    "Advantage": "advantages",
    "KL to the reference": "kl",
    "Reward": "rewards",
}


def test_heat_map_shows_the_numbers_of_the_record(browser, small):
    record = small.episodes(("zero_shot", 0, "TextGen-Dialogue-v0"))[0]
    with opened(browser, small.path / "index.html") as page:
        open_first(page, agent="zero_shot", id="TextGen-Dialogue-v0")
        for label, field in CHANNELS.items():
            numbers = getattr(record, field)
            most = max(abs(number) for number in numbers if number is not None)
            page.get_by_label(label, exact=True).check()
            tokens = page.locator(".tokens .token")
            assert tokens.count() == len(record.completion_ids)
            for i in (0, 1, 3, len(numbers) - 1):
                tokens.nth(i).hover()
                chosen = page.inner_text(".readout .chosen dd")
                classes = tokens.nth(i).get_attribute("class").split()
                if not record.completion_mask[i]:
                    assert (chosen, "env" in classes) == ("not its own", True)
                    continue
                assert float(chosen.replace("−", "-")) == pytest.approx(numbers[i], rel=1e-3, abs=1e-9)
                share = tokens.nth(i).evaluate("element => Number(element.style.getPropertyValue('--t'))")
                assert share == pytest.approx(abs(numbers[i]) / most, abs=2e-3)
                signed = field in ("values", "advantages", "rewards")
                assert ("neg" in classes) == (signed and numbers[i] < 0)


def test_two_agents_on_one_prompt_stand_side_by_side(browser, small):
    with opened(browser, small.path / "index.html") as page:
        open_first(page, agent="ppo", id="TextGen-Sentiment-v0")
        assert page.locator("#rival option").all_inner_texts() == ["nobody", "random", "zero_shot"]
        page.select_option("#rival", label="zero_shot")
        page.wait_for_selector(".sides > div:nth-child(2)")
        first, second = page.locator(".tokens").all()
        ours = small.episodes(("ppo", 0, "TextGen-Sentiment-v0"))[0]
        theirs = small.episodes(("zero_shot", 0, "TextGen-Sentiment-v0"))[0]
        assert (first.inner_text().strip(), second.inner_text().strip()) == (
            ours.completion.strip(),
            theirs.completion.strip(),
        )
        assert page.inner_text("#prompt") == ours.prompt == theirs.prompt
        left, right = first.bounding_box(), second.bounding_box()
        assert left["x"] + left["width"] <= right["x"]


def test_what_nobody_recorded_is_shown_as_unknown(browser, tmp_path, synthetic):
    def forget(episode):
        known = (-1.0, *[None] * (len(episode.log_probs) - 1))  # the agent told of one token
        return replace(episode, log_probs=known, values=(), kl=(), advantages=(), rewards=(), tokens=episode.tokens)

    def untold(episode):
        return replace(forget(episode), tokens=(), log_probs=())

    for name, change in (("some", forget), ("none", untold)):
        bench = synthetic(tmp_path / name, env_ids=["TextGen-Sentiment-v0"], episodes=3, change=change)
        with opened(browser, write_page(bench).path) as page:
            open_first(page)
            text = page.inner_text("#episode-body")
            if name == "some":
                assert page.locator(".tokens .token.unknown").count() == page.locator(".tokens .token").count() - 1
                page.locator(".tokens .token").nth(1).hover()
                assert page.inner_text(".readout .chosen dd") == "unknown"
                assert "Value: not recorded" in text
            else:
                assert (
                    page.inner_text(".tokens").strip()
                    == bench.episodes(("random", 0, "TextGen-Sentiment-v0"))[0].completion.strip()
                )
                assert "told nothing of its tokens" in text


def test_hostile_texts_are_texts(browser, tmp_path, synthetic):
    """A completion may hold anything: markup, controls, half characters, text that runs the other way."""

    def poison(episode):
        text = HOSTILE[episode.index]
        ids = episode.completion_ids
        parts = (text, "", " \n", *[f"{text[:50]}{i}" for i in range(len(ids) - 3)])
        return replace(
            episode,
            prompt=text,
            references=(text, text),
            completion=text,
            tokens=("x", *parts),
            prompt_ids=(0,),
            reward_terms={"<i>term</i>": 1.0},
            finish_reason="<u>eos</u>",
        )

    skills = {"<b>bold</b>": 0.5, "</script><script>window.hacked = 1</script>": 0.4, "ab" * 100: 0.1}
    bench = synthetic(
        tmp_path / "hostile", skills=skills, env_ids=["TextGen-Sentiment-v0"], episodes=len(HOSTILE), change=poison
    )
    for key in bench.cells():
        path = bench.folder(key) / "episodes.jsonl"
        path.write_text(path.read_text(encoding="utf-8").replace("HALF", r"\ud83d"), encoding="utf-8")
    made = write_page(bench)
    for viewport, some in ((DESKTOP, range(len(HOSTILE))), (PHONE, (4, 6, 7))):
        with opened(browser, made.path, viewport) as page:
            page.select_option("[name=agent]", label="<b>bold</b>")
            for i in some:
                page.locator("#rows .row").nth(i).click()
                page.wait_for_selector(".tokens .token")
                prompt = page.inner_text("#prompt")
                assert not re.search("[\u0000-\u0008\u000e-\u001f\u200b\u202a-\u202e\u2066-\u2069]", prompt)
                if i < 4:
                    assert prompt == HOSTILE[i]
                assert page.locator("#episode-body").evaluate("e => e.scrollWidth <= e.clientWidth")
                page.keyboard.press("Escape")
            assert page.evaluate("window.hacked") is None
            assert page.locator("img, #rows script, #rows b, main u").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_script_that_came_in_with_the_data_may_not_run(browser, small, tmp_path):
    """Were escaping to fail, the content security policy would still hold."""
    page_text = (small.path / "index.html").read_text(encoding="utf-8")
    poisoned = tmp_path / "poisoned.html"
    poisoned.write_text(page_text.replace("<main", "<script>window.hacked = 1</script><main", 1), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(poisoned.as_uri())
    assert page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in text for text in refused)
    context.close()


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => (v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("canvas");
  };
  const failing = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim().slice(0, 30);
    if (!text || !element.checkVisibility() || element.closest("script, :disabled, .skip")) continue;
    const style = getComputedStyle(element);
    const ink = rgba(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) failing.push(`${ratio.toFixed(2)} ${element.tagName} ${element.getAttribute("class")} ${text}`);
  }
  for (const mark of document.querySelectorAll(".mark")) {
    const [a, b] = [light(rgba(getComputedStyle(mark).fill)), light(behind(mark))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 3) failing.push(`mark ${mark.getAttribute("class")}`);
  }
  return failing;
}"""


UNNAMED = """[...document.querySelectorAll("button, input, select")].filter(
  (element) => !(element.labels?.length || element.ariaLabel || element.textContent.trim())
).map((element) => element.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_text_is_readable_and_nothing_overflows(browser, small, viewport, scheme):
    """WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for marks; and 1.4.10, no scrolling in two directions."""
    with opened(browser, small.path / "index.html", viewport, scheme) as page:
        assert page.evaluate(CONTRASTS) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(UNNAMED) == []
        open_first(page, agent="ppo", id="TextGen-Dialogue-v0")
        assert page.evaluate(CONTRASTS) == []
        assert page.locator("#episode-body").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_colours_follow_the_system_until_they_are_chosen(browser, small):
    with opened(browser, small.path / "index.html", scheme="dark") as page:

        def background():
            return page.evaluate("getComputedStyle(document.body).backgroundColor")

        dark = background()
        page.click("#theme")
        assert background() != dark
        page.click("#theme")
        assert background() == dark
        page.emulate_media(media="print")
        assert page.locator("#grid").is_hidden()
        assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light"


def test_nothing_moves_while_the_page_opens(browser, small):
    with opened(browser, small.path / "index.html") as page:
        page.wait_for_timeout(200)
        shift = """() => new Promise((done) => {
          let sum = 0;
          const add = (list) => { for (const entry of list.getEntries()) sum += entry.value; };
          new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => done(sum), 100);
        })"""
        assert page.evaluate(shift) < 0.02


def test_runs_of_unequal_number_and_eleven_agents(browser, tmp_path, synthetic):
    skills = {f"agent{i}": 0.05 + 0.08 * i for i in range(11)}
    runs = {label: 1 + (i % 3) for i, label in enumerate(skills)}
    bench = synthetic(
        tmp_path / "many",
        skills=skills,
        env_ids=IDS,
        runs=runs,
        episodes=3,
        missing={("agent2", 1, "TextGen-Story-v0")},
    )
    with opened(browser, write_page(bench).path, PHONE) as page:
        shapes = {page.locator(".chip svg").nth(i).inner_html() for i in range(11)}
        assert len(shapes) == 11
        assert "2 of 3 runs" in page.inner_text("#matrix")
        assert "prompts and seeds" in page.inner_text("#aggregates")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_equal_benches_give_equal_pages(tmp_path, synthetic):
    first, second = (write_page(synthetic(tmp_path / name, episodes=4)).path.read_bytes() for name in "ab")
    assert first == second


def test_a_big_bench_gives_the_first_episodes_of_each_cell(tmp_path, synthetic, browser):
    bench = synthetic(tmp_path / "big", env_ids=["TextGen-Sentiment-v0", "TextGen-Story-v0"], episodes=12)
    made = write_page(bench, tmp_path / "page.html", episodes=32)
    assert (made.carried, made.total, made.path) == (30, 72, tmp_path / "page.html")
    with opened(browser, made.path) as page:
        assert page.inner_text("#carried").startswith("The first 5 episodes of each cell, 30 of 72.")
        assert page.inner_text("#found") == "30 of 30 episodes"


def test_what_cannot_be_drawn_is_refused(tmp_path, synthetic):
    with pytest.raises(DataError, match="no whole cell"):
        write_page(Bench.create(tmp_path / "empty", BenchConfig({"a": ("a",)}, ("TextGen-Target-v0",))))
    bench = synthetic(tmp_path / "bench", env_ids=["TextGen-Target-v0"], episodes=3)
    with pytest.raises(OptionError, match="cannot be written"):
        write_page(bench, bench.path / "bench.json" / "page.html")
    for text in (
        "[",
        '{"ppo": 3}',
        '{"ppo": {"TextGen-Target-v0": {"steps": [1], "mean": [1, 2], "low": [1], "high": [1]}}}',
    ):
        (bench.path / "curves.json").write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"curves\.json"):
            write_page(bench)
    (bench.path / "curves.json").unlink()
    episodes = bench.folder(("ppo", 0, "TextGen-Target-v0")) / "episodes.jsonl"
    episodes.write_text(episodes.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(DataError, match="truncated"):
        write_page(bench)
    assert not (bench.path / "index.html").exists()


def test_one_run_keeps_its_interval_and_several_get_students():
    assert pooled([Metric(0.5, 0.4, 0.6)]) == [0.5, 0.4, 0.6, 1]
    means = [0.2, 0.5, 0.6, 0.7, 0.4]
    low, high = stats.t.interval(0.95, 4, np.mean(means), stats.sem(means))
    assert pooled([Metric(mean, 0, 1) for mean in means]) == pytest.approx([0.48, low, high, 5], abs=1e-3)


def test_rewards_are_put_on_the_scale_of_the_score(small):
    key = ("ppo", 0, "TextGen-Sentiment-v0")
    rewards = np.array([episode.reward for episode in small.episodes(key)])
    cell = small.cells()[key]
    assert normalised(rewards, cell.metrics["reward"], cell.score) == pytest.approx((rewards - 0.05) / 0.9)
    assert list(normalised([0.5, 0.5], Metric(0.5, 0.5, 0.5), Metric(0.7, 0.7, 0.7))) == [0.7, 0.7]


def test_command_is_what_a_shell_takes():
    config = BenchConfig(
        {"my agent": ("runs/a b", "runs/c"), "tiny": ("tiny",)}, ("TextGen-Target-v0",), {"level": 2}, 8
    )
    assert command(config) == (
        "textgym bench --out bench --agent 'my agent=runs/a b' --agent 'my agent=runs/c' --agent tiny "
        "--env-id TextGen-Target-v0 --episodes 8 --split test --seed 0 --env level=2"
    )
