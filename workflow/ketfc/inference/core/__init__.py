"""Statistics that know no study: permutations, families, linear models, intervals."""
