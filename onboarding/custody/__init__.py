"""How is an owner's access kept so that the web side can store it and never read it?

`seal` is for anyone, `paste` reads what people paste, and `unseal` is the worker's alone. Nothing is imported
here: who may import which is a contract that import-linter checks.
"""
