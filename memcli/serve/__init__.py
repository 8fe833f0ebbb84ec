"""The watcher, the warm server inside it, and the client that asks it: an option that makes `mem` fast, never needed."""
