"""What answers a browser's request? Authorise by fetching, parse, act, answer; one module for each flow."""
