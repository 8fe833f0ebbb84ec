"""Who may speak by itself: whose text a memory holds, as this user's own state tells it, and nothing in a store."""
