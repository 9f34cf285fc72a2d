"""What the figures of speed show, and what they do not say."""

from bench.outcome import UNDECIDED
from bench.page import timed
from bench.page.contract import Facet
from bench.page.facets import same


def throughput(facet: Facet) -> str:
    """Intervals and noise."""
    crossings = same(facet.evidence["crossover"], facet.rows)
    crossed = not crossings.empty and crossings["at_length"].notna().any()
    return (
        timed.intervals(facet.rows)
        + timed.noise(facet.rows)
        + ("Dotted: equally fast. " if crossed else "")
        + "Nothing follows for another machine."
    )


def roofline(facet: Facet) -> str:
    """The ceilings, and what counts as achieved of them."""
    rows, parts = facet.rows, []
    for name, unit, what in (
        ("ceiling_flops_per_s", "GFLOP/s", "matrix products"),
        ("ceiling_bytes_per_s", "GB/s", "copying"),
    ):
        if name in rows.columns and rows[name].notna().any():
            parts.append(f"{rows[name].max() / 1e9:.0f} {unit} of {what}")
    text = f"Ceilings: {', '.join(parts)}. " if parts else ""
    if above := int((rows["roofline_share"] > 1).sum()):
        text += f"{above} above 100%: for these it is too low. "
    return text + "FLOPs are counted. A low share does not say that more could be had."


def setting(facet: Facet) -> str:
    """Which kind of ratio it is, of all rows or of how many of them."""
    rows = facet.rows
    paired = int(rows["paired"].sum())
    if paired == len(rows):
        text = "Both settings took turns: medians of each round's ratio, 95% intervals. "
    elif paired:
        text = f"In {paired} of {len(rows)} ratios both settings took turns. "
    else:
        text = ""
    if paired < len(rows):
        text += "Measured one after the other, a drift in between is not in the interval. "
    loose = "Hollow: undecided. " if (rows["status"] == UNDECIDED).any() else ""
    return f"{text}{loose}Nothing follows for another machine."
