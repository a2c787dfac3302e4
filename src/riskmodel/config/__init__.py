"""The configuration of a run: the stages' specs held together, read from YAML."""
