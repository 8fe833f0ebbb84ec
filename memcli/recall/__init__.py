"""Recall: query → plan → channels → pooled candidates → fusion → confidence → what fits the budget. Read-only."""
