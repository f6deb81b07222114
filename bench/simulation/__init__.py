"""Stand-ins for the world: what a provider would have answered, and when."""
