"""How are people told? One module for each way, and `outbox`, which sees to it that each is told once.

What is sent leaves the company's hands: no secret, no ExternalId, and nothing that AWS said goes along.
"""
