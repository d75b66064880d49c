"""Sentences of the methods on a crossover."""

from __future__ import annotations

from ketfc.study.design.design import CONTROL_FIRST, FIRST_PERIOD, KETAMINE_FIRST, Design


def drug_orders_in_words(design: Design) -> str:
    """Return which drugs there were and how many patients had which first."""
    ketamine, control = design.drugs.values()
    had = [design.sequences.get(who) for who in design.in_contrasts()]
    return (
        f"of {ketamine} and {control} ({had.count(KETAMINE_FIRST)} had both with {ketamine} first, "
        f"{had.count(CONTROL_FIRST)} with {control} first)"
    )


def test_in_words(design: Design) -> str:
    """Return how the drugs were compared, with the keys of the works behind it."""
    ketamine, control = design.drugs.values()
    text = (
        f"{ketamine.capitalize()} was compared with {control} within participants and adjusted for "
        "period: the differences between a participant's two periods were compared between the "
        "two orders of the drugs [@hills1979], by exchange of participants between the orders "
        "[@winkler2014]. The effect size is the mean difference in "
        "its standard deviations within an order, with Hedges' correction [@hedges1981]. "
        "Carry-over was not tested: such a test has little power, and an analysis chosen by it is "
        "biased [@freeman1989]."
    )
    if FIRST_PERIOD in design.estimand:
        text += (
            " As a sensitivity analysis that carry-over cannot touch, the first periods were "
            "compared between participants by analysis of covariance [@vickers2001]."
        )
    return text
