"""No secret in an address that a recipe keeps, and none in the sentence that refuses it."""

from pathlib import Path

import pytest

from schemas.addresses import masked, secretive
from schemas.errors import CallError
from schemas.loading import load

RECIPE = "dataset: tiny\nobjects: [{builtin: vase0, normal: 1}]\n"


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter2@host/v1", "https://hunter2@host", "me:hunter2@host/v1", "https://me:hun/ter2@host/v1",
        "https://host/v1?api_key=hunter2", "https://host/v1?version=2&Subscription-Key=hunter2", "https://host#sig=hunter2",
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["caption.base_url", "sources.0.homepage"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(tmp_path: Path, key: str, address: str) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("dataset: tiny\nsources: [{name: mine, path: images}]\n")
    with pytest.raises(CallError, match=rf"`{key}`: holds a user, a password or a key.* OPENAI_API_KEY") as error:
        load(file, (f"{key}={address}",))
    assert "hunter2" not in str(error.value) and "ter2" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:80",
        "https://host/v1?api-version=2",
        "https://site.org/@people/set",
    ],
)
def test_an_address_without_a_secret_is_taken(tmp_path: Path, address: str) -> None:
    assert not secretive(address) and masked(address) == address
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    assert load(tmp_path / "recipe.yaml", (f"caption.base_url={address!r}",)).caption.base_url == address


@pytest.mark.parametrize("override", ["caption=https://me:hunter2@host", "caption.base_url.x.y=https://h?key=hunter2"])
def test_a_secret_at_the_wrong_place_is_not_repeated_either(tmp_path: Path, override: str) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE + "caption: {base_url: x}\n")
    with pytest.raises(CallError) as error:
        load(tmp_path / "recipe.yaml", (override,))
    assert "hunter2" not in str(error.value) and "caption" in str(error.value)
