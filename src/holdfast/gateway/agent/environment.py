"""
The environment variables that an agent's process needs from its start.
"""

# With glibc, each thread gets its own heap, which takes 2 MB for the ten threads of an agent. They rarely allocate at
# the same time, so one heap is enough.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
