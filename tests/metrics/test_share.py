import pytest

from aigc_course.errors import UsageError
from aigc_course.metrics import Share, binomial_interval


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (7, 20), (20, 20)])
def test_a_share_has_wilsons_interval(successes, trials):
    share = Share(successes, trials)
    assert share.interval == binomial_interval(successes, trials, method="wilson", level=0.95)
    assert share.value == share.interval.estimate == successes / trials


def test_it_says_itself_in_percent():
    assert str(Share(7, 20)) == "35% (18 to 57%, 7 of 20)"
    assert str(Share(12, 1089)) == "1.1% (0.6 to 1.9%, 12 of 1089)"


@pytest.mark.parametrize("wrong", [(3, 2), (-1, 2), (0, 0)])
def test_what_is_no_share_is_refused(wrong):
    with pytest.raises(UsageError, match=f"{wrong[0]} successes of {wrong[1]} trials"):
        Share(*wrong)
