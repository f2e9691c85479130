"""How is the audit log made tamper-evident, checked and handed out?

`encoding`, `chain`, `heads`, `seal` and `verify` are the worker's and the auditor's: they use a key that the
web side doesn't hold and doesn't reach. `export` and `sign_ins` are for both sides. Adding a record is
`onboarding.models.audit.append`.
"""
