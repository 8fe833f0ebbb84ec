"""Text → what the index holds: passages, keyword terms and vectors."""
