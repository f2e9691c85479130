"""What may a person do? One module for each act; import them from their modules.

Every act is authorised here again, is safe to repeat (two tabs, double clicks), and raises `refusals.Refused`
with plain words when it can't be done. None waits, calls AWS or opens a credential.
"""
