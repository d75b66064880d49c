"""All prose: captions, methods, sentences of the report, references."""
