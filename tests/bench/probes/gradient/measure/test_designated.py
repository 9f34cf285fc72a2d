"""Where the loss of a row is taken, and how far every other token lies from it."""

import pytest
import torch

from bench import tasks
from bench.outcome import Unsupported
from bench.probes.gradient.designated import Designated, flow

from .subjects import measuring, subject, under


class TestDesignated:
    def rows(self, labels, length=6):
        return {"input_ids": torch.zeros(len(labels), length).long(), "labels": labels}

    def test_a_classifier_that_reads_the_end(self):
        found = Designated(self.rows(torch.zeros(2)), "AutoModelForSequenceClassification", 5)
        assert found.distance.tolist() == [0, 1, 2, 3, 4, 5]
        assert found._order.tolist() == [[5, 4, 3, 2, 1, 0]] * 2

    def test_a_classifier_that_reads_the_start(self):
        found = Designated(self.rows(torch.zeros(2)), "AutoModelForSequenceClassification", 0)
        assert found._order.tolist() == [found.distance.tolist()] * 2 == [[0, 1, 2, 3, 4, 5]] * 2

    def test_the_last_label_of_each_row(self):
        """Distances go as far as those of the row whose label comes first."""
        labels = torch.tensor([[1, -100, -100, 2, -100, -100], [-100, -100, -100, 1, 1, 0]])
        found = Designated(self.rows(labels), "AutoModelForTokenClassification")
        assert found.distance.tolist() == [0, 1, 2, 3]
        assert found._order.tolist() == [[3, 2, 1, 0], [5, 4, 3, 2]]
        assert found._label.tolist() == [2, 0]

    def test_a_language_model_is_asked_one_token_before(self):
        labels = torch.tensor([[1, -100, -100, 2, -100, -100], [-100, -100, -100, 1, 1, 0]])
        found = Designated(self.rows(labels), "AutoModelForCausalLM")
        assert found.distance.tolist() == [0, 1, 2]
        assert found._order.tolist() == [[2, 1, 0], [4, 3, 2]]
        assert found._label.tolist() == [2, 0]

    def test_an_encoder_decoder_answers_behind_the_window(self):
        found = Designated(self.rows(torch.ones(2, 3).long()), "AutoModelForSeq2SeqLM")
        assert found.distance.tolist() == [1, 2, 3, 4, 5, 6]
        assert found._order.tolist() == [[5, 4, 3, 2, 1, 0]] * 2

    @pytest.mark.parametrize("head", ["AutoModelForTokenClassification", "AutoModelForCausalLM"])
    def test_a_row_without_a_label_is_refused(self, head):
        labels = torch.tensor([[1, 1, 1, 1, 1, 1], [-100] * 6])
        with pytest.raises(Unsupported, match="no labelled position"):
            Designated(self.rows(labels), head)

    def test_nothing_predicts_the_first_token(self):
        labels = torch.tensor([[1] + [-100] * 5])
        assert Designated(self.rows(labels), "AutoModelForTokenClassification").distance == 0
        with pytest.raises(Unsupported, match="no labelled position"):
            Designated(self.rows(labels), "AutoModelForCausalLM")

    def test_by_distance_takes_each_row_from_its_own_label(self):
        labels = torch.tensor([[-100, -100, 1, -100], [-100, -100, -100, 1]])
        found = Designated(self.rows(labels, 4), "AutoModelForTokenClassification")
        values = torch.arange(8.0).view(2, 4, 1)
        assert found.by_distance(values).squeeze(-1).tolist() == [[2, 1, 0], [7, 6, 5]]

    def test_a_rows_gradient_does_not_depend_on_its_batch(self, head, arm, corpus):
        of = under(head, arm, corpus, dtype="float64")
        model, rows = of.build(), of.rows("validation", 4, seed=0)
        alone = {name: tensor[2:3] for name, tensor in rows.items()}
        position = None
        if head == "AutoModelForSequenceClassification":
            position = of.arm.loss_position(of.cell.length, head, of.config)
        all_of_them, one = (flow(model, Designated(r, head, position)) for r in (rows, alone))
        torch.testing.assert_close(all_of_them[2:3], one, rtol=1e-6, atol=1e-12)
        assert one.any()


def test_rows_are_those_that_are_asked_last():
    """Of a thousand rows of recall those with the latest query, which see the farthest value."""
    of = subject("gru", "mqar", 32, protocol={"rows": 16, "steps": 0})
    measurement = measuring(of)
    distance = measurement.designated.distance.tolist()
    assert distance[-1] >= 27, "every one of them sees as far as the task needs"
    labelled = of.rows("validation", tasks.BLOCK, seed=0)["labels"] != -100
    last = labelled.shape[1] - 1 - labelled.flip(1).int().argmax(dim=1)
    assert int(last.sort().values[-16]) == distance[-1] + 1


def test_rows_differ_from_seed_to_seed():
    one, other = (
        measuring(subject("gru", "parity", 12, protocol={"steps": 0}, seed=seed)) for seed in (0, 1)
    )
    ids = [m.designated.rows["input_ids"] for m in (one, other)]
    assert not torch.equal(*ids)
