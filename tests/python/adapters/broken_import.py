"""An adapter that needs what is not there."""

import a_package_that_is_not_there  # noqa: F401


def run() -> None:
    pass
