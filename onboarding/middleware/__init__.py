"""What stands between the network and every view? Only what no library does; one module for each."""
