"""The errors that a user meets: one sentence each, naming the thing, what is wrong and what to do."""


class DefectoryError(Exception):
    """A check or a build failed; the command line prints the sentence and exits with 1."""

    exit_code = 1


class CallError(DefectoryError):
    """The call itself was wrong (unknown key, missing file, bad option); exit code 2."""

    exit_code = 2


class BadInput(DefectoryError):
    """One item cannot be used. Stages catch it, write a `rejects` row and go on with the next item."""


class WorkerError(DefectoryError):
    """An outside process or service failed (Blender, Label Studio, a model API); worth another try."""
