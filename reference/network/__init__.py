"""L(theta): layers, losses, objective; nothing about derivatives beyond one layer."""
