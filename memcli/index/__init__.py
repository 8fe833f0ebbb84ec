"""The index beside the files: SQLite with FTS5 and sqlite-vec. Derived, private, deletable; rebuilt from the files."""
