"""
The environment variables that an agent's process needs from its start.
"""

# glibc's heaps. Each of ten threads would get its own, which takes 2 MB, and they rarely allocate at the same time.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
