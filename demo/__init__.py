"""The demo: starts everything on one machine, with a stand-in for AWS, and checks that it works."""
