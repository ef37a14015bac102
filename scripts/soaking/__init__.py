"""The parts of ``scripts/soak``: what is sent, who sends and reads it, and what must hold."""
