"""Words beside the tests: reliability, shrunken estimates, drop-outs."""
