"""The limiter never exceeds its limits, across threads, processes and restarts."""

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.call_store import fingerprint
from flows.handlers.rate_limit.limiter import RateLimiter

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400.0


@dataclass
class Clock:
    """A clock that advances only by sleeping."""

    seconds: float = 1_700_000_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def _limiter(path: Path, clock: Clock, *limits: RateLimit) -> RateLimiter:
    return RateLimiter(path, limits, sleep=clock.sleep, now=clock.now)


def test_short_pauses_are_slept_through(tmp_path: Path) -> None:
    clock = Clock()
    limiter = _limiter(tmp_path / "limiter.sqlite", clock, RateLimit(2, 1.0))
    for _ in range(5):
        limiter.acquire("provider")
    assert [1.0 <= wait <= 1.01 for wait in clock.slept] == [True, True]


def test_an_exhausted_day_says_at_once_when_a_call_is_next_possible(tmp_path: Path) -> None:
    clock = Clock()
    limiter = _limiter(tmp_path / "limiter.sqlite", clock, RateLimit(1, 1.0), RateLimit(3, DAY))
    for _ in range(3):
        limiter.acquire("alphavantage")
    clock.seconds += 10

    with pytest.raises(ProviderError) as raised:
        limiter.acquire("alphavantage")

    assert raised.value.error_class is ErrorClass.quota_exhausted
    assert raised.value.retry_after_seconds == pytest.approx(DAY - 12, abs=0.1)
    assert "2023-11-15T22:13" in str(raised.value)
    assert len(clock.slept) == 2


def test_a_denied_call_does_not_count(tmp_path: Path) -> None:
    clock = Clock()
    limiter = _limiter(tmp_path / "limiter.sqlite", clock, RateLimit(1, 100.0), RateLimit(2, 1000.0))
    limiter.acquire("provider")
    for _ in range(5):
        with pytest.raises(ProviderError):
            limiter.acquire("provider")
    clock.seconds += 101
    limiter.acquire("provider")


def test_a_restart_does_not_reset_the_limits(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "limiter.sqlite"
    for _ in range(3):
        limiter = _limiter(path, clock, RateLimit(3, DAY))
        limiter.acquire("provider")
        limiter.close()
    with pytest.raises(ProviderError):
        _limiter(path, clock, RateLimit(3, DAY)).acquire("provider")
    clock.seconds += DAY + 1
    _limiter(path, clock, RateLimit(3, DAY)).acquire("provider")


def _busiest(stamps: list[float], seconds: float) -> int:
    return max(sum(start <= other < start + seconds for other in stamps) for start in stamps)


WORKER = """
import sys, time
from pathlib import Path
from flows.handlers.rate_limit.limiter import RateLimiter, RateLimit
read = []
def now():
    read.append(time.time())
    return read[-1]
limiter = RateLimiter(Path(sys.argv[1]), [RateLimit(4, 0.5)], now=now)
for _ in range(10):
    limiter.acquire("provider")
    print(read[-1], flush=True)  # when the call was counted: this process may go on much later
"""


def test_two_processes_together_stay_within_the_limit(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path / "limiter.sqlite")]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [worker.communicate(timeout=300)[0] for worker in workers]
    stamps = sorted(float(line) for output in outputs for line in output.split())
    assert len(stamps) == 20
    assert _busiest(stamps, 0.499) <= 4  # the limiter counts in whole milliseconds
    assert stamps[-1] - stamps[0] >= 4 * 0.5 * 0.95


def test_threads_together_stay_within_a_daily_limit(tmp_path: Path) -> None:
    limiter = RateLimiter(tmp_path / "limiter.sqlite", [RateLimit(7, DAY)])
    outcomes: list[str] = []

    def ask() -> None:
        try:
            limiter.acquire("provider")
            outcomes.append("passed")
        except ProviderError as error:
            outcomes.append(error.error_class)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("passed"), outcomes.count("quota_exhausted")) == (7, 13)


RACER = """
import sys, time
from pathlib import Path
from flows.handlers.errors import ProviderError
from flows.handlers.rate_limit.limiter import RateLimiter, RateLimit
limiter = RateLimiter(Path(sys.argv[1]), [RateLimit(100, 86400)])
print("ready", flush=True)
sys.stdin.readline()
passed = 0
try:
    while True:
        limiter.acquire("provider")
        passed += 1
except ProviderError as error:
    print(passed, error.error_class)
"""


def test_two_processes_share_a_daily_limit_to_the_last_call(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACER, str(tmp_path / "limiter.sqlite")]
    racers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    results = [racer.communicate(timeout=300)[0].split() for racer in _started(racers)]
    assert sum(int(passed) for passed, _ in results) == 100
    assert {why for _, why in results} == {"quota_exhausted"}


def _started(racers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """The results of several processes that all start at once."""
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return racers


def test_no_call_is_recorded_while_another_process_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "limiter.sqlite"
    limiter = RateLimiter(path, [RateLimit(5, DAY)])
    asking = threading.Thread(target=limiter.acquire, args=("provider",))
    with FileLock(f"{path}.lock"):
        asking.start()
        asking.join(timeout=0.3)
        assert asking.is_alive()
    asking.join(timeout=60)
    assert not asking.is_alive()


def test_without_limits_there_is_no_wait_and_no_file(tmp_path: Path) -> None:
    limiter = _limiter(tmp_path / "state" / "limiter.sqlite", Clock())
    for _ in range(100):
        limiter.acquire("provider")
    limiter.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProviderError, match="make the folder writable"):
        RateLimiter(tmp_path / "file" / "limiter.sqlite", [RateLimit(1, 1.0)])


def test_the_file_is_named_by_a_fingerprint_and_holds_no_key(tmp_path: Path, canary: str) -> None:
    limiter = RateLimiter.for_key(tmp_path, "alphavantage", canary, [RateLimit(1, 1.0)])
    limiter.acquire("alphavantage")
    limiter.close()
    assert limiter.location.name == f"alphavantage-{fingerprint('alphavantage', canary)}.sqlite"
    assert fingerprint("alphavantage", canary) != fingerprint("alphavantage", "another")
    assert all(canary.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_asking_for_the_remaining_calls_does_not_count_as_a_call(tmp_path: Path) -> None:
    clock = Clock()
    limiter = _limiter(tmp_path / "limiter.sqlite", clock, RateLimit(1, 1.0), RateLimit(3, DAY))
    for left in (3, 2, 1):
        for _ in range(3):
            assert [each.calls for each in limiter.remaining()] == [1, left]
        limiter.acquire("provider")
        clock.seconds += 2
    assert [each.calls for each in limiter.remaining()] == [1, 0]


def test_the_limiter_keeps_a_forecast_to_the_millisecond(tmp_path: Path) -> None:
    clock = Clock()
    limiter = _limiter(tmp_path / "limiter.sqlite", clock, RateLimit(2, 1.0), RateLimit(5, 60.0))
    limiter.acquire("provider")
    clock.seconds += 0.3
    forecast = [round(at.timestamp(), 3) for at in limiter.forecast(7).call_times]
    made = []
    for _ in range(7):
        limiter.acquire("provider")
        made.append(round(clock.seconds, 3))
    assert made == forecast


def test_an_exhausted_day_is_reported_at_once_even_if_the_second_is_exhausted_too(tmp_path: Path) -> None:
    clock = Clock()
    limiter = _limiter(tmp_path / "limiter.sqlite", clock, RateLimit(1, 1.0), RateLimit(2, DAY))
    limiter.acquire("provider")
    limiter.acquire("provider")
    clock.slept.clear()
    with pytest.raises(ProviderError):
        limiter.acquire("provider")
    assert clock.slept == []


def test_without_limits_there_are_no_remaining_calls_to_list(tmp_path: Path) -> None:
    limiter = _limiter(tmp_path / "limiter.sqlite", Clock())
    assert limiter.remaining() == ()
    assert len(limiter.forecast(3).call_times) == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from flows.handlers.rate_limit.limiter import RateLimiter, RateLimit
RateLimiter(Path(sys.argv[1]), [RateLimit(5, 86400)]).acquire("provider")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_call_counts_although_its_process_is_killed_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "limiter.sqlite"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    assert killed.returncode < 0
    limiter = RateLimiter(path, [RateLimit(5, DAY)])
    assert [each.calls for each in limiter.remaining()] == [4]


def test_limits_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rate"):
        RateLimiter(tmp_path / "limiter.sqlite", [RateLimit(5, 1.0), RateLimit(5, 60.0)])


def test_calls_that_a_clock_far_ahead_dated_do_not_block_once_it_is_right(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "limiter.sqlite"
    right = clock.seconds
    clock.seconds += 10 * 365 * DAY
    ahead = _limiter(path, clock, RateLimit(2, DAY))
    ahead.acquire("provider")
    ahead.close()
    clock.seconds = right
    limiter = _limiter(path, clock, RateLimit(2, DAY))
    assert [each.calls for each in limiter.remaining()] == [1]
    limiter.acquire("provider")
    with pytest.raises(ProviderError) as raised:  # both calls count, as made now
        limiter.acquire("provider")
    assert raised.value.retry_after_seconds == pytest.approx(DAY, abs=1)
    assert f"counted in the file {path}" in str(raised.value)


def test_a_call_a_minute_ahead_keeps_its_date(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "limiter.sqlite"
    clock.seconds += 60
    _limiter(path, clock, RateLimit(1, DAY)).acquire("provider")
    clock.seconds -= 60
    with pytest.raises(ProviderError) as raised:
        _limiter(path, clock, RateLimit(1, DAY)).acquire("provider")
    assert raised.value.retry_after_seconds == pytest.approx(DAY + 60, abs=1)


@pytest.mark.parametrize(
    "content",
    [b"this is no database" * 1000, b"SQLite format 3\0" + b"\1" * 5000],
    ids=["no database", "torn"],
)
def test_a_damaged_file_is_set_aside_and_a_new_one_made(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "limiter.sqlite"
    path.write_bytes(content)
    limiter = RateLimiter(path, [RateLimit(1, DAY)])
    limiter.acquire("provider")
    (aside,) = tmp_path.glob("limiter.sqlite.damaged-*")
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text


def test_a_lost_count_is_made_up_from_calls_that_are_known(tmp_path: Path) -> None:
    clock = Clock()
    now = datetime.fromtimestamp(clock.seconds, UTC)
    calls = [now - timedelta(hours=hours) for hours in (1, 2, 23)]
    asked: list[datetime] = []

    def past_calls(since: datetime) -> list[datetime]:
        asked.append(since)
        return calls

    limiter = _limiter(tmp_path / "p-1.sqlite", clock, RateLimit(2, 60.0), RateLimit(4, DAY))
    calls.append(now - timedelta(hours=2, seconds=1))  # two within a minute, as a retry that was let through
    assert limiter.recover(past_calls) == 4
    assert asked == [now - timedelta(days=1)]
    assert [each.calls for each in limiter.remaining()] == [2, 0]
    assert limiter.recover(past_calls) == 0, "there are calls now"
    other = _limiter(tmp_path / "p-2.sqlite", clock, RateLimit(4, DAY))
    assert other.recover(past_calls) == 0, "a new key of the same provider"
    another = _limiter(tmp_path / "q-1.sqlite", clock, RateLimit(4, DAY))
    assert another.recover(past_calls) == 4
