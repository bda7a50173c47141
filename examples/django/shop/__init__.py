"""A shop whose orders are protected by tokens of an identity provider."""
