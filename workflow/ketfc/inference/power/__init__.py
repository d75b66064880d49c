"""Planning a study: power by simulation through the tests of the study, beside formulas."""
