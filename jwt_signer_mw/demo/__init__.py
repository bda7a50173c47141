"""`jwt-signer demo`: identity providers, a gateway and an upstream application, all on loopback."""
