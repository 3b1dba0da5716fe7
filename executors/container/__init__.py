"""A room or the gateway as the one process of a container, without a supervisor.

The exported files start `jina executor …` and `jina gateway …`; in the images `jina` is
executors/bin/jina, which comes here.
"""
