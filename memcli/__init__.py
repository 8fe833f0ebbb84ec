"""memcli: a local-first memory for coding agents. The command is `mem`; see `memcli.store` for the façade behind it."""

__version__ = "0.1.0"
