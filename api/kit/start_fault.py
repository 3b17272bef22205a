"""Why a process did not start: kept apart from what starts it, so that who only tells it loads nothing else."""


class StartFault(Exception):
    """The program cannot start. The text tells a person, in Chinese, what is wrong and how to mend it."""
