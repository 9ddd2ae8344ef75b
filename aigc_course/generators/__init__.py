"""Trained models as generators: text, images and sound from a checkpoint alone."""

from aigc_course.generators.load import load_generator
from aigc_course.generators.makers import ImageGenerator, TextGenerator
from aigc_course.generators.results import GeneratedAudio, GeneratedImages, GeneratedText
from aigc_course.generators.speaking import AudioGenerator

__all__ = [
    "AudioGenerator",
    "GeneratedAudio",
    "GeneratedImages",
    "GeneratedText",
    "ImageGenerator",
    "TextGenerator",
    "load_generator",
]
