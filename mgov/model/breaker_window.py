"""The sliding window of a breaker: calls, counted failures and slow calls in ten buckets, and when they are too many.

A bucket is known by its slot: the seconds since the epoch, divided by the width of a bucket.
"""

from mgov.model.units import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mgov.model.breaker_policy import BreakerPolicy

    Bucket = tuple[int, int, int, int]          # slot, calls, counted failures, slow calls

BUCKET_COUNT = 10


def width_of(policy: "BreakerPolicy") -> float:
    """The width of one bucket, in seconds."""
    return policy.window_s / BUCKET_COUNT


def slot_of(now: float, policy: "BreakerPolicy") -> int:
    """The slot that `now` falls into."""
    return int(now / width_of(policy))


def live_buckets(
    buckets: "Iterable[Bucket]", width_s: float, policy: "BreakerPolicy", now: float
) -> "tuple[Bucket, ...]":
    """Those in the window that ends now; none where they are `width_s` wide and the policy's are not any more."""
    if width_s != width_of(policy):
        return ()
    slot = slot_of(now, policy)
    return tuple(bucket for bucket in buckets if slot - BUCKET_COUNT < bucket[0] <= slot)


def add_bucket(buckets: "tuple[Bucket, ...]", new: "Bucket") -> "tuple[Bucket, ...]":
    """The buckets with the counts of one more added to those of its slot, oldest first."""
    same = [bucket for bucket in buckets if bucket[0] == new[0]]
    if not same:
        return tuple(sorted((*buckets, new)))
    slot, calls, failed, slow = same[0]
    summed = (slot, calls + new[1], failed + new[2], slow + new[3])
    return tuple(summed if bucket[0] == slot else bucket for bucket in buckets)


def totals(buckets: "Iterable[Bucket]") -> tuple[int, int, int]:
    """The calls, counted failures and slow calls of all buckets together."""
    calls = failed = slow = 0
    for bucket in buckets:
        calls, failed, slow = calls + bucket[1], failed + bucket[2], slow + bucket[3]
    return calls, failed, slow


def opening(policy: "BreakerPolicy", failures: int, calls: int, failed: int, slow: int) -> str:
    """Why a closed breaker opens with so many failures in a row, and so many calls in its window; '' if it does not."""
    if policy.threshold and failures >= policy.threshold:
        return f"{failures} failures in a row" if failures > 1 else "1 failure"
    if calls < policy.min_calls:
        return ""
    for count, rate, what in (
        (failed, policy.failure_rate, "failed"),
        (slow, policy.slow_rate, f"took longer than {format_duration(policy.slow_call_s)}"),
    ):
        if rate and count and count >= rate * calls:
            return f"{count} of {calls} calls {what} within {format_duration(policy.window_s)}"
    return ""
