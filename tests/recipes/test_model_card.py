"""Which data a model's card names."""

from aigc_course.data.cards import CARDS
from aigc_course.recipes.model_card import data_card


def test_a_folder_with_the_name_of_a_set_has_no_card():
    assert data_card({"data": {"name": "mnist"}, "settings": {"data": "mnist"}}) is CARDS["mnist"]
    assert data_card({"data": {"name": "mnist"}, "settings": {"data": "/home/ann/mnist"}}) is None
    assert data_card({"data": {"name": "photos"}, "settings": {"data": "photos"}}) is None
