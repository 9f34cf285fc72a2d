"""What the figures of speed show, and what they do not say."""

from bench.page import timed
from bench.page.contract import Facet


def throughput(facet: Facet) -> str:
    """Intervals, noise, and what a step's time is made of."""
    rows, records = facet.rows, facet.records
    shares = [r["model"]["parameters"] for r in records if r["model"].get("parameters")]
    text = timed.intervals(rows) + timed.noise(rows)
    if (rows["phase"] == "training").any() and shares:
        share = max(p["embedding"] / p["total"] for p in shares)
        text += (
            f"A training step updates every parameter, up to {share:.0%} of which are embedding "
            "tables. "
        )
    if any(r["cell"]["device"] == "cpu" for r in records):
        text += (
            "On a CPU PyTorch has a fused kernel for the LSTM only; an Elman network and a GRU run "
            "on this suite's own: part of what lies between those and the LSTM is the kernel, not "
            "the architecture. "
        )
    if all(r["cell"]["denormals"] == "keep" for r in records):
        text += "Subnormal floats are kept, which is slow on some processors. "
    return text + (
        "Dotted: where two arms are equally fast, and the interval of that. Nothing follows for "
        "another machine, size or batch."
    )


def roofline(facet: Facet) -> str:
    """The ceilings, and what counts as achieved of them."""
    rows, parts = facet.rows, []
    for name, unit, what in (
        ("ceiling_flops_per_s", "GFLOP/s", "matrix products"),
        ("ceiling_bytes_per_s", "GB/s", "copying"),
    ):
        if name in rows.columns:
            found = sorted(set(rows[name].dropna()))
            parts += [f"{value / 1e9:.1f} {unit} of {what}" for value in found]
    text = (
        f"Ceilings: {', '.join(parts)}, each of as many threads as its cells have and the best of "
        "several tries before and after all cells. FLOPs are counted from the architecture, those "
        "of matrix products only; a prefill makes the logits of its last position only. The bytes "
        "of a decoded step are the matrices that the decoder multiplies with, once, and what its "
        "rows keep (a weight that a cache holds need not come from memory). A low share is time "
        "spent elsewhere: on launching kernels, elementwise work, or waiting for the step before; "
        "it does not say that more could be had."
    )
    above = (rows["roofline_share"] > 1).sum()
    if above:
        text += (
            f" {above} of {rows['roofline_share'].count()} lie above 100%: for these the ceiling "
            "is too low, as other work ran while it was measured, or a cache held what is read."
        )
    return text


def setting(facet: Facet) -> str:
    """Which kind of ratio it is, of all rows or of how many of them."""
    rows = facet.rows
    paired, text = int(rows["paired"].sum()), ""
    if paired:
        which = "" if paired == len(rows) else f" for {paired} of {len(rows)} ratios"
        text += (
            f"The two settings took turns in the same rounds{which}: the median of each round's "
            "ratio, with its 95% interval. Faster or slower is said only beyond the A/A controls "
            "of both settings; the table has them. "
        )
    if paired < len(rows):
        which = "" if not paired else f" for the other {len(rows) - paired}"
        text += (
            f"The two settings were measured in different groups, one after the other{which}: "
            "ratios of medians, with the interval that those of the two medians give (MOVER). "
            "Their rounds are no pairs, and a drift of the machine in between is in the ratio and "
            "not in its interval. "
        )
    return text + "Hollow: one of the two is unstable."
