"""Tests of the activity of regions: change, association, and censoring that may explain them."""
