"""Installing into coding agents and into git, and taking it out again (`mem hooks`, `mem init`).

`targets` says what there is to install into, from the data of each agent in `agents.hosts`; `plans` what would change in which
file; `manifest` remembers what was there before; `carrying` does it for what was asked. What is installed lies in hooks/.
"""
