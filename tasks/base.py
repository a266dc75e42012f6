"""What every task here is."""

from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

#: A task that does its work whenever it is called. Its result is kept nowhere: it may hold a session's token. And it is
#: never skipped because it ran before with the same inputs: every verb looks at the world, and the world has changed.
verb = partial(task, persist_result=False, cache_policy=NO_CACHE)
