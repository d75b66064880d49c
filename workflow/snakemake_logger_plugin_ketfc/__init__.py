"""Logger plugin of Snakemake, which finds it by its name; ``logger: ketfc`` asks for it."""

from snakemake_logger_plugin_ketfc.handler import LogHandler

__all__ = ["LogHandler"]
