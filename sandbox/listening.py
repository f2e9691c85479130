"""Where does the stand-in listen? Bound before ministack, which wants to know its port, is imported."""

import socket


def bind(host: str, port: int) -> socket.socket:
    """A bound, listening socket; port 0 takes a free one. OSError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener
