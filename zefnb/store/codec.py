"""A name that is part of the format of database files, under which `pickle` finds the codec's global."""

from __future__ import annotations

from zefnb.core.codec.codec import tagged

told = tagged  # read by `pickle` when it writes
