"""A stand-in for AWS with its own HTTP endpoint: ministack, made as strict as AWS where the product needs it.

For the demo, the tests and rehearsals; never imported by the product. `python -m sandbox --help` says how
it is started, `sandbox.client` how it is steered.
"""
