"""What is wrong with the plan of a run, before anything is fetched or built."""


class PlanError(Exception):
    """A run cannot do what was requested: says what was requested, what there is, and what to do."""
