"""The command ``ketfc``: Snakemake with the rules that come along, and a look at the machine."""
