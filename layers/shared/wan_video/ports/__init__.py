"""What the services ask of the world: small protocols, each with one adapter that ships and one fake in the tests."""
