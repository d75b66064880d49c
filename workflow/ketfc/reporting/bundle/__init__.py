"""The paper bundle: results, what they were made with, and a script that redraws the figures."""
