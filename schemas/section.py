"""What every section of a recipe is made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Frozen, with unknown keys refused; the docstring under a field is its meaning in docs/recipe.md."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("the first number of a range is the smaller one")
    return pair


Percent = Annotated[
    tuple[Annotated[float, Field(gt=0, le=100)], Annotated[float, Field(gt=0, le=100)]], AfterValidator(_ordered)
]
Elevation = Annotated[
    tuple[Annotated[float, Field(ge=0, le=85)], Annotated[float, Field(ge=0, le=85)]], AfterValidator(_ordered)
]
Focal = Annotated[
    tuple[Annotated[float, Field(ge=10, le=400)], Annotated[float, Field(ge=10, le=400)]], AfterValidator(_ordered)
]
Room = Annotated[
    tuple[Annotated[float, Field(ge=1, le=20)], Annotated[float, Field(ge=1, le=20)]], AfterValidator(_ordered)
]
Stops = Annotated[
    tuple[Annotated[float, Field(ge=-6, le=6)], Annotated[float, Field(ge=-6, le=6)]], AfterValidator(_ordered)
]
Count = Annotated[
    tuple[Annotated[int, Field(ge=1, le=20)], Annotated[int, Field(ge=1, le=20)]], AfterValidator(_ordered)
]
Share = Annotated[float, Field(ge=0, le=1)]
