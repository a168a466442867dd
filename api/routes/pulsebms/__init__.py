"""The interface of PulseBMS (S2)."""
