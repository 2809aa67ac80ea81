"""What a server that refuses, fails, stalls or is gone comes to: one sentence that says what to do."""

import httpx
import pytest
from label_studio_sdk.core.api_error import ApiError

from schemas.errors import CallError, DefectoryError, WorkerError
from tasks.review.server import connect, speaking

URL = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("raised", "kind", "says"),
    [
        (ApiError(status_code=401), DefectoryError, "refuses the token from a file; put a valid access token there"),
        (
            ApiError(status_code=403),
            DefectoryError,
            "or its account may not do this; put the token of one that may there",
        ),
        (ApiError(status_code=404), WorkerError, "somebody deleted it; the same command again goes on without"),
        (ApiError(status_code=500), WorkerError, "answered 500; its log says why, then try again"),
        (ApiError(status_code=200), WorkerError, "does not speak like Label Studio; see what runs there"),
        (httpx.ReadTimeout("slow"), WorkerError, "takes too long to answer; try again, nothing is lost"),
        (httpx.ConnectError("refused"), WorkerError, "does not answer; start it with `make up`"),
    ],
    ids=str,
)
def test_what_goes_wrong_is_a_sentence(raised: Exception, kind: type[DefectoryError], says: str) -> None:
    with pytest.raises(kind) as caught, speaking(URL, "a file"):
        raise raised
    assert says in str(caught.value) and URL in str(caught.value)


def test_what_the_server_answered_stays_out_of_it() -> None:
    refused = ApiError(status_code=500, headers={"x": "secret"}, body={"token": "secret"})
    with pytest.raises(WorkerError) as caught, speaking(URL, "a file"):
        raise refused
    assert "secret" not in str(caught.value)


def test_an_address_with_a_secret_is_refused_for_it_is_kept_with_the_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "https://me:hunter2@127.0.0.1:1")
    with pytest.raises(CallError, match=r"LABEL_STUDIO_URL: .* from LABEL_STUDIO_API_KEY") as caught:
        connect()
    assert "hunter2" not in str(caught.value)
