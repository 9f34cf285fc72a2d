"""What somebody would rather not draw is drawn all the same, and nothing is no figure."""

import pytest

from bench.probes.gradient.figures.flow import gradient_flow
from bench.probes.gradient.figures.norms import gradient_norm, group_norms
from bench.probes.gradient.figures.states import state_flow
from bench.probes.gradient.figures.training import flow_heatmap, flow_strip

from .drawn import fill, of

FLOWS = (gradient_flow, flow_strip, flow_heatmap, state_flow)
NORMS = (gradient_norm, group_norms)


@pytest.mark.parametrize("draw", [*FLOWS, *NORMS])
def test_nothing_measured_is_no_figure(draw):
    assert draw([]) is None


@pytest.mark.parametrize("draw", FLOWS)
@pytest.mark.parametrize("spoilt", [None, 0.0, 1e300, 5e-324])
def test_spoilt_curves_are_drawn(records, draw, spoilt):
    for record in records:
        samples = record["samples"]
        fill(record, lambda d: spoilt, double=lambda d: spoilt)
        samples["state_norm"] = [
            [[spoilt] * len(row) for row in stage] for stage in samples["state_norm"]
        ]
    draw(of(records)).canvas.draw()


@pytest.mark.parametrize("draw", NORMS)
@pytest.mark.parametrize("spoilt", [None, 0.0, 3e38, 1.4e-45])
def test_spoilt_traces_are_drawn(records, draw, spoilt):
    for record in records:
        samples = record["samples"]
        samples["gradient_norm"] = [spoilt] * 4
        samples["group_norms"] = [[g, [spoilt] * 4] for g, _ in samples["group_norms"]]
    draw(of(records)).canvas.draw()
