"""A judge behind HTTP, as people have one: slow, failing and talkative."""

from __future__ import annotations

import contextlib
import copy
import http.server
import itertools
import json
import pickle
import re
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

import pytest

from textgym import rewards
from textgym.errors import OptionError, RewardError
from textgym.rewards.judge import FALLBACK_NOTE, Judge, Unusable, last_number

TEMPLATE = "{completion}"
URL = ""  # of the server that runs


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the number of words; what else it does is what the question tells it to."""

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        server = self.server
        with server.lock:
            server.seen[text] += 1
            server.active += 1
            server.peak = max(server.peak, server.active)
            tries = server.seen[text]
        if seconds := re.search(r"sleep ([\d.]+)", text):
            time.sleep(float(seconds[1]))
        with server.lock:
            server.active -= 1
        failing = re.search(r"fail (\d+)", text)
        if failing and tries <= int(failing[1]):
            self.send_error(500)
            return
        garbage = re.search(r"garbage (\d+)", text)
        answer = "I would rather not say." if garbage and tries <= int(garbage[1]) else f"Grade: {len(text.split())}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *args):
        """Keeps quiet."""

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the client gave up on us, which is what we are here for
            super().handle()


@pytest.fixture
def server(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.lock, server.seen, server.active, server.peak = threading.Lock(), Counter(), 0, 0
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setitem(globals(), "URL", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(question: str) -> str:
    try:
        with urllib.request.urlopen(urllib.request.Request(URL, question.encode()), timeout=5) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        raise


def refused(question: str) -> str:
    raise ConnectionRefusedError("nobody is at home")


def judge(**options) -> Judge:
    return Judge(**{"call": ask, "template": TEMPLATE, "wait": 0.01, **options})


def test_the_grade_is_the_number_in_the_answer(server):
    assert judge()(["", ""], ["one two", "one two three"]) == [2.0, 3.0]


def test_the_question_holds_prompt_completion_references_and_range():
    asked = []
    reward = Judge(
        lambda question: asked.append(question) or 3,
        template="{prompt}|{completion}|{references}|{low}-{high}|{{}}",
        range=(0, 5),
    )
    assert reward(["p {x}"], ["c {y}"], references=[["r1", "r2"]]) == [3.0]
    assert asked == ["p {x}|c {y}|r1\nr2|0-5|{}"]
    with pytest.raises(RewardError, match="'judge' compares with references"):
        reward(["p"], ["c"])


def test_the_default_question_needs_no_references():
    asked = []
    assert Judge(lambda question: asked.append(question) or "7 out of 10")(["What?"], [" That."]) == [7.0]
    assert "What?" in asked[0]
    assert " That." in asked[0]
    assert "from 1 (worst) to 10 (best)" in asked[0]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("8", 8.0),
        ("Grade: 8.5.", 8.5),
        ("8/10", 8.0),
        ("I give it 7 out of 10", 7.0),
        ("Point 1 is fine, point 2 is not: 4", 4.0),
        ("-2", -2.0),
        ("GPT4 says 3", 3.0),
        (6, 6.0),
        (0.5, 0.5),
    ],
)
def test_numbers_are_read_from_answers(answer, expected):
    assert last_number(answer) == expected


@pytest.mark.parametrize("answer", ["none", "", None, True, ["8"], "GPT4"])
def test_what_is_no_number_is_refused(answer):
    with pytest.raises(Unusable):
        last_number(answer)


def test_failures_and_garbage_are_tried_again(server):
    texts = ["fail 2 times", "garbage 2 times then more"]
    assert judge(retries=2)(["", ""], texts) == [3.0, 5.0]
    assert server.seen == dict.fromkeys(texts, 3)


def test_the_pause_between_tries_doubles():
    times = []

    def flaky(question: str) -> float:
        times.append(time.monotonic())
        if len(times) < 4:
            raise ConnectionResetError
        return 5

    assert judge(call=flaky, wait=0.05)([""], ["text"]) == [5.0]
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert all(pause >= 0.05 * 2**i for i, pause in enumerate(pauses))


def test_without_a_grade_it_is_an_error_that_says_why(server):
    said = (
        r"'judge' got no grade for the completion 'garbage 9' in 2 tries: Unusable: .*rather not say.* holds no number"
    )
    with pytest.raises(RewardError, match=said):
        judge(retries=1)([""], ["garbage 9"])
    with pytest.raises(RewardError, match="HTTPError: HTTP Error 500"):
        judge(retries=0)([""], ["fail 9"])
    with pytest.raises(RewardError, match=r"ConnectionRefusedError: nobody is at home.*fallback="):
        judge(call=refused, retries=1)([""], ["text"])
    with pytest.raises(RewardError, match=r"gives 2\.0, which is no number from 5 to 9"):
        judge(range=(5, 9), retries=0)([""], ["two words"])


def test_or_the_fallback_noted_logged_and_not_remembered(server, caplog):
    reward = judge(retries=0, fallback=1.5)
    scores = reward.score(["", ""], ["fail 1", "two words"])
    assert scores.total.tolist() == [1.5, 2.0]
    assert scores.notes == {"judge": (FALLBACK_NOTE, "")}
    assert "HTTPError" in caplog.text
    assert reward.score([""], ["fail 1"]).total.tolist() == [2.0]


def test_a_late_answer_counts_as_none(server):
    started = time.monotonic()
    with pytest.raises(RewardError, match=r"TimeoutError: no answer within 0\.1 s"):
        judge(timeout=0.1, retries=0)([""], ["sleep 2"])
    assert time.monotonic() - started < 1.5


def test_calls_run_side_by_side_up_to_the_number_of_workers(server):
    texts = [f"sleep 0.2 number {i}" for i in range(8)]
    started = time.monotonic()
    assert judge(workers=4)([""] * 8, texts) == [4.0] * 8
    assert 0.4 <= time.monotonic() - started < 1.4
    assert server.peak == 4


def test_an_error_does_not_wait_for_the_others(server):
    started = time.monotonic()
    with pytest.raises(RewardError, match="fail 9"):
        judge(retries=0, workers=2)([""] * 6, ["fail 9", *(f"sleep 1 {i}" for i in range(5))])
    assert time.monotonic() - started < 0.9


def test_a_question_is_asked_once(server):
    reward = judge()
    assert reward([""] * 3, ["same text", "same text", "other"]) == [2.0, 2.0, 1.0]
    assert reward([""], ["same text"]) == [2.0]
    assert server.seen == {"same text": 1, "other": 1}
    assert copy.deepcopy(reward)([""], ["same text"]) == [2.0]
    assert server.seen["same text"] == 1


def test_a_file_remembers_for_good(server, tmp_path):
    file = tmp_path / "grades.sqlite"
    assert judge(cache=file)([""], ["some text"]) == [2.0]
    assert judge(cache=file)([""], ["some text"]) == [2.0]
    assert server.seen["some text"] == 1
    for other in ({"name": "strict"}, {"range": (0.0, 10.0)}, {"parse": lambda answer: 9.0}):
        judge(cache=file, **other)([""], ["some text"])
    assert server.seen["some text"] == 4
    with sqlite3.connect(file) as table:
        assert table.execute("SELECT count(*) FROM grades").fetchone() == (4,)
    table.close()


def test_processes_share_a_file(tmp_path):
    file = str(tmp_path / "grades.sqlite")
    code = (
        "import sys; from textgym.rewards.judge import Judge\n"
        "def ask(question): return len(question)\n"
        "texts = ['x' * n for n in range(1, 9)] * 5 + [sys.argv[2]]\n"
        "reward = Judge(ask, template='{completion}', cache=sys.argv[1], range=(0, 100))\n"
        "assert reward([''] * len(texts), texts) == [len(text) for text in texts]"
    )
    runs = [subprocess.Popen([sys.executable, "-W", "error", "-c", code, file, "y" * n]) for n in (10, 11, 12)]
    assert [run.wait(timeout=50) for run in runs] == [0, 0, 0]
    with sqlite3.connect(file) as table:
        assert table.execute("SELECT count(*) FROM grades").fetchone() == (11,)
    table.close()


def test_a_file_that_cannot_hold_grades_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    for file in (tmp_path / "notes.txt", tmp_path / "no" / "such.sqlite"):
        with pytest.raises(RewardError, match=r"cannot be kept in .*Give judge\(cache=…\)"):
            judge(call=len, cache=file)([""], ["text"])


def test_silence_is_the_low_end_and_is_not_asked_about():
    assert judge(call=refused, range=(2, 4))(["", ""], ["", " \n"]) == [2.0, 2.0]


def test_by_expression_and_by_name():
    path = "builtins:len"
    for reward in (
        rewards.make(f"judge('{path}', template='{{completion}}', range=(0, 20))"),
        rewards.make("judge", call=path, template=TEMPLATE, range=(0, 20)),
        rewards.make(Judge, call=len, template=TEMPLATE, range=(0, 20)),
    ):
        assert reward([""], ["four"]) == [4.0]
        assert repr(reward) == "judge('builtins:len', template='{completion}', range=(0.0, 20.0))"
        assert rewards.make(repr(reward)).range == (0.0, 20.0)
    assert rewards.make(f"0.5*judge('{path}', template='{{completion}}')")([""], ["four"]) == [2.0]


def test_it_travels_to_another_process(tmp_path):
    reward = judge(call="builtins:len", cache=tmp_path / "grades.sqlite")
    reward([""], ["four"])
    again = pickle.loads(pickle.dumps(reward))
    assert again([""], ["four"]) == [4.0]


def test_an_answer_can_be_read_by_a_function_of_ones_own():
    reward = judge(call=lambda question: json.dumps({"grade": 4}), parse=lambda answer: json.loads(answer)["grade"])
    assert reward([""], ["text"]) == [4.0]
    with pytest.raises(RewardError, match="KeyError: 'mark'"):
        judge(call=lambda question: "{}", parse=lambda answer: json.loads(answer)["mark"], retries=0)([""], ["text"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"call": 3}, r"judge\(call=…\) takes a callable or 'module:function'. Actual value: 3"),
        ({"call": "no_such_module:f"}, "No reward could be loaded from 'no_such_module:f'"),
        ({"template": "How good?"}, r"must name \{completion\}.*Actual names: none"),
        ({"template": "{completion} {answer}"}, "Actual names: answer, completion"),
        ({"template": "{completion.__class__}"}, r"must name \{completion\}"),
        ({"template": "{completion"}, "is not a template"),
        ({"range": (3, 3)}, r"takes two finite numbers.*Actual value: \(3, 3\)"),
        ({"range": 3}, "takes two finite numbers"),
        ({"timeout": 0}, "a timeout above 0"),
        ({"retries": -1}, r"judge\(retries=…\) takes a whole number of at least 0"),
        ({"workers": 0}, r"judge\(workers=…\) takes a whole number of at least 1"),
        ({"fallback": 11}, r"judge\(fallback=…\) lies in the range \(1.0, 10.0\). Actual value: 11"),
    ],
)
def test_options_that_it_cannot_take(options, said):
    with pytest.raises(RewardError, match=said):
        judge(**options)


def test_without_a_callable_there_is_no_judge():
    for spec in ("judge", "0.5*judge", "judge()"):
        with pytest.raises(OptionError, match="'call'"):
            rewards.make(spec)
    assert "judge" not in rewards.names()
    with pytest.raises(RewardError, match="cannot be registered as 'judge'"):
        rewards.register("judge", Judge)
