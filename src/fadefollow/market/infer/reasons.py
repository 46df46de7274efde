"""What a mapping is inferred from, what of it is in doubt, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why something is mapped as it is.

    Attributes:
        text: one sentence, without a mark.
        doubtful: whether names and values do not decide it, so that a person has to check it.
    """

    text: str
    doubtful: bool = False

    @property
    def comment(self) -> str:
        """As a comment in the data set's TOML; `?` marks a doubt."""
        return f"? {self.text}" if self.doubtful else self.text


def doubt(text: str) -> Reason:
    """A reason that a person has to check."""
    return Reason(text, doubtful=True)


@dataclass(frozen=True)
class LeftOut:
    """A file, a pattern of files or a part of a file that is not mapped.

    Attributes:
        where: path or pattern.
        reason: one sentence.
    """

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"
