"""Providers against a local stand-in server, with faults: what is answered, what is raised, what is never shown."""

import asyncio
import base64
import time
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest

from annotation.models.providers import (
    Answer,
    Evidence,
    Request,
    Transient,
    Unanswerable,
    check,
    cleaned,
    kept,
    key,
    opened,
    seconds,
    words,
)
from schemas.errors import BadInput, DefectoryError
from tests.annotation.models.standin import (
    TEXT,
    Reply,
    Script,
    gemini_answer,
    gemini_error,
    openai_answer,
    openai_error,
    standin,
)

KEY = "sk-very-secret-0123456789"
MODELS = {"openai": "gpt-4o", "gemini": "gemini-2.5-flash"}
ANSWERS = {"openai": openai_answer, "gemini": gemini_answer}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


def request(provider: str = "openai", **changes: Any) -> Request:
    values: dict[str, Any] = {
        "model": MODELS[provider], "system": "Be plain.", "prompt": "What is it?", "asks": "open", "candidate": 0,
        "temperature": 0.9, "max_tokens": 300, "images": (b"\xff\xd8jpeg",),
    }  # fmt: skip
    return Request(**{**values, **changes})


def send(provider: str, script: Script, timeout_s: float = 10.0) -> tuple[Answer, list[dict[str, Any]]]:
    async def once(url: str) -> Answer:
        async with opened(provider, url, timeout_s) as p:
            return await p.answer(request(provider))

    with standin(script) as server:
        return asyncio.run(once(server.url)), server.requests


def test_openai_is_asked_and_answers() -> None:
    answer, (sent,) = send("openai", lambda n, body: Reply(openai_answer()))
    assert answer == Answer(TEXT, "stop", "gpt-4o-2024-08-06", 900, 40)
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("gpt-4o", 0.9, 300)
    assert sent["messages"][0] == {"role": "system", "content": "Be plain."}
    assert sent["messages"][1]["content"][1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert sent["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_several_pictures_go_along_in_their_order(provider: str) -> None:
    pictures = (b"\xff\xd8one", b"\x89PNGtwo", b"\xff\xd8three")

    async def once(url: str) -> None:
        async with opened(provider, url) as p:
            await p.answer(request(provider, images=pictures))

    with standin(lambda n, body: Reply(ANSWERS[provider]())) as server:
        asyncio.run(once(server.url))
    (sent,) = server.requests
    if provider == "openai":
        urls = [part["image_url"]["url"] for part in sent["messages"][1]["content"][1:]]
        found = [(u.split(";")[0].removeprefix("data:"), base64.b64decode(u.split(",")[1])) for u in urls]
    else:
        data = [part["inlineData"] for part in sent["contents"][0]["parts"][1:]]
        found = [(d["mime_type"], base64.urlsafe_b64decode(d["data"])) for d in data]
    assert found == list(zip(("image/jpeg", "image/png", "image/jpeg"), pictures, strict=True))


def test_a_ledger_from_before_knows_a_request_with_one_picture() -> None:
    known = "4e62add7e8e816efb71549b429b32d46d47c2e769be2e81d006d1154260664b9"
    assert request().key("openai", "https://here") == known


def test_gemini_is_asked_and_answers() -> None:
    answer, (sent,) = send("gemini", lambda n, body: Reply(gemini_answer()))
    assert answer == Answer(TEXT, "stop", "gemini-2.5-flash-001", 900, 40)  # thoughts are billed, too
    assert sent["path"].endswith("models/gemini-2.5-flash:generateContent")
    assert sent["generationConfig"]["temperature"] == 0.9
    assert sent["generationConfig"]["maxOutputTokens"] == 300
    assert sent["systemInstruction"]["parts"][0]["text"] == "Be plain."
    assert sent["contents"][0]["parts"][1]["inlineData"] == {"data": "_9hqcGVn", "mime_type": "image/jpeg"}
    assert sent["authorization"] == KEY


@pytest.mark.parametrize(
    ("provider", "body", "finish", "text"),
    [
        ("openai", openai_answer("It is", "length"), "length", "It is"),
        ("openai", openai_answer(None, refusal="I can't help with that."), "refused", "I can't help with that."),
        ("openai", openai_answer("", "content_filter"), "refused", ""),
        ("openai", openai_answer(None), "stop", ""),
        ("gemini", gemini_answer("It is", "MAX_TOKENS"), "length", "It is"),
        ("gemini", gemini_answer(None, "SAFETY"), "refused", ""),
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, "refused", "SAFETY"),
        ("gemini", gemini_answer(None), "stop", ""),
    ],
)
def test_answers_that_end_otherwise(provider: str, body: dict[str, Any], finish: str, text: str) -> None:
    answer, _ = send(provider, lambda n, _: Reply(body))
    assert (answer.finish, answer.text) == (finish, text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "A thin "}, {"type": "text", "text": "scratch."}], "A thin scratch."),
        (
            [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Is it?"}]},
                {"type": "text", "text": "It is."},
            ],
            "It is.",
        ),
        (
            [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": None}, {"type": "text"}, "odd"],
            "",
        ),
        ({"text": "odd"}, ""),
    ],
)
def test_an_answer_in_parts_is_what_its_texts_say(content: Any, text: str) -> None:
    answer, _ = send("openai", lambda n, _: Reply(openai_answer(content)))
    assert (answer.text, answer.finish) == (text, "stop")


@pytest.mark.parametrize("count", ["900", 900.0, -900, True, 10**30, None, [900]])
def test_counts_that_are_none_are_not_taken(count: Any) -> None:
    body = {**openai_answer(), "usage": {"prompt_tokens": count, "completion_tokens": 40}}
    answer, _ = send("openai", lambda n, _: Reply(body))
    assert (answer.tokens_in, answer.tokens_out) == (None, 40)


def test_counts_of_gemini_that_are_none_are_not_taken() -> None:
    body = {**gemini_answer(), "usageMetadata": {"promptTokenCount": -900, "candidatesTokenCount": 30}}
    answer, _ = send("gemini", lambda n, _: Reply(body))
    assert (answer.tokens_in, answer.tokens_out) == (None, 30)


@pytest.mark.parametrize(("provider", "field"), [("openai", "model"), ("gemini", "modelVersion")])
def test_the_name_of_what_answered_is_fit_for_a_database(provider: str, field: str) -> None:
    answer, _ = send(provider, lambda n, _: Reply({**ANSWERS[provider](), field: "m\ud83d\x00-1" + "x" * 1000}))
    assert answer.version == "m -1" + "x" * 196


@pytest.mark.parametrize("provider", ["openai", "gemini"])
@pytest.mark.parametrize(
    ("reply", "billed"),
    [
        (Reply({}, 500), False),
        (Reply({}, 503), False),
        (Reply(drop=True), True),
        (Reply(delay_s=5.0), True),  # a time-out, below
        (Reply(openai_answer(), drip_s=0.1), True),  # never silent for long, and never at its end
        (Reply({"choices": [], "candidates": []}), True),
    ],
)
def test_faults_that_another_try_may_mend(provider: str, reply: Reply, billed: bool) -> None:
    with pytest.raises(Transient) as caught:
        send(provider, lambda n, _: reply, timeout_s=0.5)
    assert caught.value.billed is billed


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_truncated_json(provider: str) -> None:
    with pytest.raises(Transient) as caught:
        send(provider, lambda n, _: Reply(ANSWERS[provider](), cut=30))
    assert caught.value.billed


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_a_server_that_is_not_there(provider: str) -> None:
    async def once() -> Answer:
        async with opened(provider, "http://127.0.0.1:9") as p:
            return await p.answer(request(provider))

    with pytest.raises(Transient, match=r"127\.0\.0\.1:9: the connection failed") as caught:
        asyncio.run(once())
    assert not caught.value.billed


@pytest.mark.parametrize(
    ("provider", "reply", "wait"),
    [
        ("openai", Reply(openai_error("slow down"), 429, {"retry-after": "7"}), 7.0),
        ("openai", Reply(openai_error("busy"), 503, {"retry-after": "2"}), 2.0),
        ("openai", Reply(openai_error("slow down"), 429), None),
        ("gemini", Reply(gemini_error(429, "slow down"), 429, {"retry-after": "7"}), 7.0),
        ("gemini", Reply(gemini_error(429, "slow down", [{"@type": "RetryInfo", "retryDelay": "34s"}]), 429), 34.0),
    ],
)
def test_retry_after(provider: str, reply: Reply, wait: float | None) -> None:
    with pytest.raises(Transient) as caught:
        send(provider, lambda n, _: reply)
    assert (caught.value.retry_after, caught.value.billed) == (wait, False)


@pytest.mark.parametrize(("status", "billed"), [(500, False), (502, True), (503, False), (504, True), (524, True)])
def test_what_a_gateway_did_not_hear_may_have_been_billed(status: int, billed: bool) -> None:
    with pytest.raises(Transient) as caught:
        send("openai", lambda n, _: Reply({}, status))
    assert caught.value.billed is billed


def test_a_fault_behind_a_gateway_that_says_200_is_told() -> None:
    with pytest.raises(Transient, match=r"an answer without a choice \(Provider returned \*\*\*\)"):
        send("openai", lambda n, _: Reply({"error": {"message": f"Provider returned {KEY}", "code": 502}}))


@pytest.mark.parametrize("provider", ["openai", "gemini"])
@pytest.mark.parametrize("odd", [float("nan"), "odd", [None]])
def test_what_is_no_answer_at_all_is_a_fault_of_one_request(provider: str, odd: Any) -> None:
    """Or an empty answer: never the end of the build."""
    try:
        assert send(provider, lambda n, _: Reply({"candidates": odd, "choices": odd}))[0].text == ""
    except Transient as e:
        assert e.billed


@pytest.mark.parametrize("name", ["ALL_PROXY", "SSL_CERT_FILE"])
@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_an_environment_that_nothing_can_be_sent_from(
    provider: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "odd://user:hidden@proxy")

    async def once() -> None:
        async with opened(provider, "http://127.0.0.1:9"):
            pass

    with pytest.raises(DefectoryError, match=r"nothing can be sent with the proxies and .*; mend HTTP_PROXY") as caught:
        asyncio.run(once())
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "status", "body", "says"),
    [
        ("openai", 401, openai_error(f"Incorrect API key provided: {KEY}"), "key in OPENAI_API_KEY was refused"),
        ("openai", 404, openai_error("no such model", "model_not_found"), "openai gpt-4o: .* does not know it"),
        ("openai", 404, {"detail": "Not Found"}, r"\(404\); choose another model, or correct the base_url"),
        ("openai", 429, openai_error("You exceeded your quota", "insufficient_quota"), "no credit left"),
        ("openai", 402, openai_error("Insufficient Balance"), "no credit left"),
        ("openai", 405, {"detail": "Method Not Allowed"}, r"takes no questions .* \(405\); correct the base_url"),
        ("openai", 400, openai_error("Unsupported value", None, "temperature"), "does not accept `temperature`"),
        ("openai", 422, {"detail": [{"loc": ["body", "temperature"], "msg": "x"}]}, "does not accept `temperature`"),
        ("gemini", 400, gemini_error(400, f"API key not valid: {KEY}"), "key in GEMINI_API_KEY was refused"),
        (
            "gemini",
            400,
            gemini_error(400, "User location is not supported", status="FAILED_PRECONDITION"),
            r"does not serve this account as it is \(User location is not supported\); mend that",
        ),
        ("openai", 304, {}, r"not to be reached so \(304\); correct the base_url or the proxy"),
        ("openai", 407, {}, r"not to be reached so \(407\); correct the base_url or the proxy"),
        ("gemini", 301, {}, r"not to be reached so \(301\); correct the base_url or the proxy"),
        ("gemini", 407, {}, r"not to be reached so \(407\); correct the base_url or the proxy"),
        ("gemini", 405, gemini_error(405, "no"), r"takes no questions .* \(405\); correct the base_url"),
        ("gemini", 403, gemini_error(403, "denied"), "key in GEMINI_API_KEY was refused"),
        ("gemini", 404, gemini_error(404, "no such model"), "gemini gemini-2.5-flash: .* does not know it"),
    ],
)
def test_faults_that_stop_the_build(provider: str, status: int, body: dict[str, Any], says: str) -> None:
    with pytest.raises(DefectoryError, match=says) as caught:
        send(provider, lambda n, _: Reply(body, status))
    assert not isinstance(caught.value, Transient | BadInput)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_faults_of_one_request(provider: str) -> None:
    body = openai_error(f"bad image {KEY}") if provider == "openai" else gemini_error(400, f"bad image {KEY}")
    with pytest.raises(Unanswerable) as caught:
        send(provider, lambda n, _: Reply(body, 400))
    # What reaches `rejects` names neither the server nor its words.
    assert str(caught.value) == f"{provider} {MODELS[provider]}: refused this request (400); try another model"
    assert caught.value.said == "400 bad image ***"


@pytest.mark.parametrize(
    "body",
    [
        {"detail": [{"loc": ["body", "messages", 1], "msg": "too long"}]},
        {"error": "too long"},
        {"error": {"message": "too long"}},
        {"detail": "too long"},
        ["too long"],
    ],
)
def test_a_question_that_a_server_cannot_process_stops_no_build(body: Any) -> None:
    with pytest.raises(Unanswerable, match=r"refused this request \(422\)") as caught:
        send("openai", lambda n, _: Reply(body, 422))
    assert caught.value.said.startswith("422 ") and "too long" in caught.value.said


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
@pytest.mark.parametrize("status", [400, 403])
def test_a_filter_that_stops_one_question_stops_no_build(status: int, code: str) -> None:
    with pytest.raises(Unanswerable, match=rf"refused this request \({status}\)"):
        send("openai", lambda n, _: Reply(openai_error("The prompt was filtered", code, "prompt"), status))


def test_a_gateway_that_flags_one_question_stops_no_build() -> None:
    flagged = {
        "error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["x"], "flagged_input": "Describe"}}
    }
    with pytest.raises(Unanswerable, match=r"refused this request \(403\)"):
        send("openai", lambda n, _: Reply(flagged, 403))


FORM = {
    "type": "object", "properties": {"causes": {"type": "array", "items": {"type": "string"}}}, "required": ["causes"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_a_schema_goes_along(provider: str) -> None:
    async def once(url: str) -> Answer:
        async with opened(provider, url) as p:
            return await p.answer(request(provider, schema=FORM, temperature=None))

    with standin(lambda n, body: Reply(ANSWERS[provider]('{"causes": []}'))) as server:
        assert asyncio.run(once(server.url)).text == '{"causes": []}'
    (sent,) = server.requests
    if provider == "openai":
        form = sent["response_format"]
        assert (form["type"], form["json_schema"]["schema"], form["json_schema"]["strict"]) == (
            "json_schema", FORM, True,
        )  # fmt: skip
    else:
        sent = sent["generationConfig"]
        assert (sent["responseMimeType"], sent["responseJsonSchema"]) == ("application/json", FORM)
    assert "temperature" not in sent


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer('{"causes": ["wear"]}', "stop"), None),
        (Answer("I would rather not.", "refused"), None),  # a refusal follows no schema
        (Answer('{"causes": ["we', "length"), "an answer that is cut off"),
        (Answer("Sure! Here it is: {}", "stop"), "an answer that is no JSON"),
        (Answer("[" * 100_000, "stop"), "an answer that is no JSON"),
        (Answer('{"causes": "wear"}', "stop"), r"does not follow its schema \(\$\.causes\)"),
        (Answer('{"causes": [], "more": 1}', "stop"), r"does not follow its schema \(\$\)"),
    ],
)
def test_an_answer_is_held_against_its_schema(answer: Answer, says: str | None) -> None:
    check(request(), answer)  # free text may be anything
    if says is None:
        check(request(schema=FORM), answer)
        return
    with pytest.raises(Transient, match=says) as caught:
        check(request(schema=FORM), answer)
    assert caught.value.billed


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_user_and_password_of_an_address_are_never_shown(provider: str) -> None:
    async def once() -> Answer:
        async with opened(provider, "http://me:p@ss@127.0.0.1:9/v1") as p:
            assert p.where == "http://127.0.0.1:9/v1"
            return await p.answer(request(provider))

    with pytest.raises(Transient) as caught:
        asyncio.run(once())
    assert str(caught.value).startswith("http://127.0.0.1:9/v1: ")
    assert "ss@" not in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "variable"), [("openai", "OPENAI_API_KEY"), ("gemini", "GEMINI_API_KEY or GOOGLE")]
)
def test_a_missing_key(provider: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    async def once() -> None:
        async with opened(provider):
            raise AssertionError("opened without a key")

    with pytest.raises(DefectoryError, match=f"set {variable}"):
        asyncio.run(once())


@pytest.mark.parametrize(
    ("provider", "variable"), [("openai", "OPENAI_API_KEY"), ("gemini", "GEMINI_API_KEY"), ("gemini", "GOOGLE_API_KEY")]
)
@pytest.mark.parametrize("between", ["\n", "\x0b", "\x7f", "\N{EN DASH}", "\u200b"])
def test_what_is_in_no_key_is_refused_unseen(
    provider: str, variable: str, between: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.setenv(variable, f"very{between}secret")
    with pytest.raises(DefectoryError, match=f"^{variable}: holds a character that is in no key") as caught:
        key(provider)
    assert "secret" not in str(caught.value)


def test_blanks_around_a_key_are_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\r\n")
    assert key("openai") == KEY


def test_the_key_of_a_request_covers_everything_in_it() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    evidence = Evidence(picture, None, "vase", "", None, 0)
    other = Evidence(picture + 1, None, "vase", "", None, 0)
    variants = [
        request(), request(candidate=1), request(prompt="?"), request(system="?"), request(model="x"),
        request(temperature=0.0), request(max_tokens=1),
        request(images=(b"y",)), request(images=()), request(images=(b"y", b"z")), request(images=(b"z", b"y")),
        request(asks="size"),
        request(evidence=evidence), request(evidence=other),
    ]  # fmt: skip
    keys = [r.key("openai", "https://here") for r in variants]
    keys += [request().key("gemini", "https://here"), request().key("openai", "https://elsewhere")]
    assert len(set(keys)) == len(keys)
    assert request().key("openai", "https://here") == keys[0]


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("34s", 34.0),
        (None, None),
        ("", None),
        ("Fri, 01 Jan 1999 07:28:00 GMT", 0.0),
        ("Fri, 99 Jan 1999 07:28:00 GMT", None),
        ("-1", None),
    ],
)
def test_seconds(value: str | None, wait: float | None) -> None:
    assert seconds(value) == wait


def test_seconds_until_a_date() -> None:
    assert 50 < seconds(formatdate(time.time() + 60, usegmt=True)) <= 60
    assert seconds(formatdate(5060, usegmt=True), formatdate(5000, usegmt=True)) == 60  # by the server's clock
    assert seconds(formatdate(5060, usegmt=True), "nonsense") == 0


def test_model_output_is_not_trusted() -> None:
    assert cleaned(Answer("  a\x00b\n\u202ec\u200b ", "stop")) == Answer("a b c", "stop")
    line = cleaned(Answer("x" * 10_000, "stop"))
    assert (len(line.text), line.finish) == (4000, "length")


def test_an_answer_is_kept_as_it_was_as_far_as_a_database_takes_it() -> None:
    assert kept("<think>\n a\u200b</think>", "stop") == ("<think>\n a\u200b</think>", "stop")
    assert kept("a\x00\ud800b", "stop") == ("a\ufffd\ufffdb", "stop")
    text, finish = kept("x" * 100_000, "stop")
    assert (len(text), finish) == (64_000, "length")


def test_words_are_fit_for_a_database_and_a_terminal() -> None:
    assert words("no\x00such \ud83d picture\n\x1b[31m" + "x" * 1000, "mine") == "no such picture [31m" + "x" * 180


def test_words_hide_keys() -> None:
    assert words("no way to http://me:secret@host/v1", "mine") == "no way to http://host/v1"
    assert words("key sk-abc***wxyz and AIzaSyABCDEF and mine", "mine") == "key sk-*** and AIza*** and ***"
