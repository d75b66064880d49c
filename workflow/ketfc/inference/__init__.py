"""From connectivity to evidence: permutation tests, effect sizes, families."""
