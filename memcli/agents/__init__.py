"""Coding agents: how they call (`hook`, `payload`, `hosts`), what is put before them (`brief`, `inject`, `fence`), what
is kept of their sessions (`sessions`, `capture`), and what is installed into them (`install`).
"""
