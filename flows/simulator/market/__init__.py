"""The market that all simulated providers serve: real daily prices, and data generated from a seed."""
