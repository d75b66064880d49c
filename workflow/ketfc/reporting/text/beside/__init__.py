"""Words on what stands beside the primary tests, from robustness to drop-outs."""
