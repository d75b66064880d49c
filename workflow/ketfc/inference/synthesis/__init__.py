"""Evidence of several studies: what one exports, and what all say together."""
