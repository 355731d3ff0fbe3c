"""Delivery over real sockets: plans carried out against the sandbox."""
