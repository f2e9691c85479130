"""What does the worker do? It claims what is due, looks, decides, acts, says when to look again, and returns.

Nothing here waits, and no transaction is open while AWS is asked. Knows nothing of Celery: `tasks` and
`drive` are the two ways to run it.
"""
