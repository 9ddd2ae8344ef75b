"""What requests may ask for: types and signs, whatever the server's limits."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Label = str | Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]  # what JavaScript holds exactly
Count = Annotated[int, Field(ge=1)]
Temperature = Annotated[FiniteFloat, Field(ge=0)]


class Request(BaseModel):
    """What every request names. Nothing is converted ("3" is no number), and nothing is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    model: str
    seed: Seed | None = None


class TextRequest(Request):
    """Text that goes on from `prompt`: see `TextGenerator.generate`."""

    prompt: str = ""
    max_length: Count = 300
    temperature: Temperature = 1.0
    top_k: Count | None = None
    top_p: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = None
    repetition_penalty: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    stop: list[Annotated[str, Field(min_length=1)]] = []


class ImagesRequest(Request):
    """Images of one class, of one class each, or of all in turn: see `ImageGenerator.generate_images`."""

    num_images: Count = 10
    label: Label | list[Label] | None = None


class AudioRequest(Request):
    """Words one after another, as long as they are or of a given length: see `AudioGenerator.generate_audio`."""

    num_samples: Count | None = None
    label: Label | list[Label] | None = None
    speaker: Label | None = None
    sample_rate: Count | None = None
    temperature: Temperature = 1.0
