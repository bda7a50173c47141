"""The suite as a gateway of its own, or as the one that other proxies ask. Extra `gateway`."""
