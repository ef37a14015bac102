"""What Orthanc's ``/tools/metrics-prometheus`` says of us, by Prometheus' naming rules."""

from __future__ import annotations

from collections.abc import Mapping

from .pool.supervisor import PoolState
from .problems import Total
from .service import Tally

_PREFIX = "orthanc_transcoder_"


def of_transcodings(tallies: Mapping[tuple[str, str], Tally]) -> dict[str, float]:
    """Counters since the start, by outcome and by transfer syntax (that asked for)."""
    values: dict[str, float] = {}
    for (outcome, syntax), tally in tallies.items():
        labels = f'{{outcome="{outcome}",syntax="{syntax}"}}'
        values[f"{_PREFIX}transcodings_total{labels}"] = tally.count
        values[f"{_PREFIX}seconds_total{labels}"] = tally.seconds
        values[f"{_PREFIX}source_bytes_total{labels}"] = tally.source_bytes
        values[f"{_PREFIX}result_bytes_total{labels}"] = tally.result_bytes
    return values


def of_pool(pool: PoolState) -> dict[str, float]:
    """The workers and the queue, now."""
    values: dict[str, float] = {
        f"{_PREFIX}workers": pool.size,
        f"{_PREFIX}workers_alive": pool.alive,
        f"{_PREFIX}workers_busy": pool.busy,
        f"{_PREFIX}worker_deaths_total": pool.deaths,
        f"{_PREFIX}remembered_files": pool.killers,
        f"{_PREFIX}declined_again_total": pool.declined,
        f"{_PREFIX}overloaded_total": pool.overloaded,
    }
    for lane, count in pool.waiting.items():
        values[f'{_PREFIX}queue_length{{lane="{lane}"}}'] = count
    return values


def of_problems(totals: Mapping[str, Total]) -> dict[str, float]:
    """Problems by part: how many were reported since the start, and whether one stands now."""
    values: dict[str, float] = {}
    for part, total in totals.items():
        values[f'{_PREFIX}problems_total{{part="{part}"}}'] = total.count
        values[f'{_PREFIX}problem{{part="{part}"}}'] = int(total.stands)
    return values
