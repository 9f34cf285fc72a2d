"""What little scores: for every task, against its floor, and against what is known of some."""

import math

import numpy as np
import pytest

from bench import registry, tasks
from bench.data import metrics
from bench.tools import baselines, scorers

TRAINED, TESTED = 768, 400


@pytest.fixture(scope="module")
def scored(corpus):
    """Baselines of a task from few rows, once for all tests."""
    made = {}

    def score(name):
        if name not in made:
            need = tasks.needs(name)
            data = corpus if need == "library" else tasks.open_data(name, "offline", "")
            made[name] = baselines.score(name, data, trained=TRAINED, tested=TESTED)
        return made[name]

    return score


def noise(metric, floor):
    """Four standard errors of a score of ``TESTED`` rows; of one that is no share, 5%."""
    if metric in ("nats", "bits per byte"):
        return 0.05 * floor
    if metric == "mean squared error":
        return 4 * floor * math.sqrt(2 / TESTED)
    return 4 * math.sqrt(max(floor * (1 - floor), 1 / TESTED) / TESTED)


@pytest.mark.parametrize("name", registry.tasks())
class TestEveryTask:
    def test_nothing_that_does_not_look_beats_the_floor(self, name, scored):
        found, metric = scored(name), tasks.load(name).METRIC
        sign = 1 if metrics.METRICS[metric].higher_is_better else -1
        assert sign * (found.majority - found.floor) <= noise(metric, found.floor)

    def test_the_floor_is_what_not_looking_scores(self, name, scored):
        """Give or take what a few hundred rows do not teach."""
        found, metric = scored(name), tasks.load(name).METRIC
        around = 0.35 * found.floor + noise(metric, found.floor)
        assert found.majority == pytest.approx(found.floor, abs=around)

    def test_looking_at_tokens_is_no_worse_than_not_looking(self, name, scored):
        found, metric = scored(name), tasks.load(name).METRIC
        sign = 1 if metrics.METRICS[metric].higher_is_better else -1
        assert sign * (found.bag_of_tokens - found.majority) >= -noise(metric, found.floor)
        assert math.isfinite(found.bag_of_tokens)


class TestKnownScores:
    @pytest.mark.parametrize("name", ["parity", "reverse", "duplicate", "dyck2"])
    def test_counts_say_nothing_where_order_is_all(self, name, scored):
        found = scored(name)
        assert found.bag_of_tokens == pytest.approx(0.5, abs=noise("accuracy", 0.5))

    def test_a_value_of_the_window_is_right_once_in_so_many_pairs(self, scored):
        assert scored("mqar").bag_of_tokens == pytest.approx(4 / 16, abs=0.04)

    def test_the_mean_of_a_sum_has_its_variance(self, scored):
        assert scored("adding").majority == pytest.approx(1 / 6, rel=0.25)

    def test_a_memory_is_guessed_at_the_right_places(self, scored):
        assert scored("copy_memory").majority == pytest.approx(
            scored("copy_memory").floor, rel=0.02
        )

    def test_the_least_symbols_of_a_sorted_half_stand_first(self, scored):
        assert scored("bucket_sort").majority == pytest.approx(0.75, abs=0.03)

    def test_words_give_a_package_away(self, scored):
        assert scored("package").bag_of_tokens > 2 * scored("package").floor

    def test_the_token_before_tells_much_of_the_next(self, scored):
        assert scored("language").bag_of_tokens < 0.95 * scored("language").majority

    def test_a_line_and_its_function_share_words(self, scored):
        assert scored("search").bag_of_tokens > 10 * scored("search").floor

    def test_an_image_is_near_the_mean_of_its_digit(self, scored):
        assert scored("digits").bag_of_tokens > 0.8


def test_scores_do_not_depend_on_the_run():
    first, again = (baselines.score("listops", None, trained=200, tested=100) for _ in range(2))
    assert first == again


def test_unseen_tokens_and_short_splits_are_no_obstacle():
    """Half the rows, and so on, where there are not as many."""
    found = baselines._drawn("parity", None, "test", 8, 5)
    assert tasks.size(found) == 5
    ids = np.array([[3, 3, 1]])
    assert scorers._counts(ids).toarray().tolist() == [[0, 1, 0, 2]]
    assert scorers._counts(ids, np.array([[1, 0, 1]])).toarray().tolist() == [[0, 1, 0, 1]]


class TestCache:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        return tmp_path

    def test_a_task_is_scored_once_for_the_same_data_and_code(self, folder, monkeypatch):
        said = []
        first = baselines.cached("parity", "", said.append)
        assert baselines.cached("parity", "another library", said.append) == first
        assert len(said) == 1
        monkeypatch.setattr(baselines, "_code", lambda name: "another")
        baselines.cached("parity", "", said.append)
        assert len(said) == 2
        assert not list(folder.rglob(".scoring-*"))

    def test_a_cache_that_cannot_be_written_costs_time_alone(self, folder, monkeypatch):
        (folder / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
        said = []
        first = baselines.cached("parity", "", said.append)
        assert said[1:] == ["parity: its baselines cannot be cached (Not a directory)"]
        assert baselines.cached("parity", "") == first
        assert (folder / "file").read_bytes() == b""

    def test_scores_of_one_library_are_not_anothers(self):
        assert baselines._data("language", "one") != baselines._data("language", "other")
        assert baselines._data("digits", "one") == baselines._data("digits", "other")
        assert baselines._data("parity", "one") == baselines._data("parity", "other")
