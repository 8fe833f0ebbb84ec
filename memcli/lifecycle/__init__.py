"""How memories age: strength and tiers, what changed, what repeats itself, and what to propose about it."""
