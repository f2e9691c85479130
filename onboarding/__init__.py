"""The onboarding app: brings AWS accounts under infosec's protection, with their owners' consent.

One module answers one question; imports point downwards, as docs/architecture.md lays out.
"""
