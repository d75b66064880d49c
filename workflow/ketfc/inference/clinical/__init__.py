"""Effects on the scores: differences between arms, responses, and courses over the sessions."""
