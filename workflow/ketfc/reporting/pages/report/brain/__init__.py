"""The brain on the page: where the regions of each circuit are."""
