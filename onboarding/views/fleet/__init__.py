"""Infosec's pages over all accounts. Who is not of infosec gets 404 from each of them."""
