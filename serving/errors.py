"""What a reader can ask wrongly."""


class ServingError(Exception):
    """The question cannot be answered: says what was asked, what there is, and how to ask."""
