"""Quiet hours: a stretch of each day in which messages wait."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

from fadefollow.errors import ParameterError

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: +(\S+))?")


@dataclass(frozen=True)
class QuietHours:
    """From `begin` (included) to `end` (excluded) by the clocks of a zone, over midnight or not."""

    begin: dt.time
    end: dt.time
    zone: ZoneInfo

    @classmethod
    def of(cls, text: str) -> QuietHours:
        """Quiet hours such as `22:00-07:00` (UTC) or `22:00-07:00 Europe/Berlin`.

        Raises:
            ParameterError: the text says no hours, or a zone that is not known.
        """
        found = _FORM.fullmatch(text.strip())
        hint = "22:00-07:00, or 22:00-07:00 Europe/Berlin"
        if found is None:
            raise ParameterError("--quiet must be hours of a day", got=repr(text), hint=hint)
        first, last = dt.time(int(found[1]), int(found[2])), dt.time(int(found[3]), int(found[4]))
        if first == last:
            raise ParameterError("--quiet must begin and end at other times", got=text, hint=hint)
        try:
            zone = ZoneInfo(found[5] or "UTC")
        except (LookupError, ValueError, OSError):
            raise ParameterError("no such time zone", got=repr(found[5]), hint=hint) from None
        return cls(first, last, zone)

    def until(self, now: pd.Timestamp) -> pd.Timestamp | None:
        """When the quiet hours that hold at `now` (UTC) end, UTC; None where none hold."""
        local = now.tz_convert(self.zone).to_pydatetime()
        at, over = local.time(), self.begin > self.end
        inside = (at >= self.begin or at < self.end) if over else self.begin <= at < self.end
        if not inside:
            return None
        day = local.date() + dt.timedelta(days=1 if over and at >= self.begin else 0)
        ends = dt.datetime.combine(day, self.end, tzinfo=self.zone).astimezone(dt.UTC)
        # where the clocks are put back, one wall time comes twice
        return max(pd.Timestamp(ends), now + pd.Timedelta(seconds=1))
