"""Commands about the state of a lake: check, doctor, maintain and repair."""
