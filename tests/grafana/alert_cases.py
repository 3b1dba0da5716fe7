"""For each alert: metrics under which it fires, and metrics close to them under which it does not.

Values are promtool's: `0+60x30` starts at 0 and grows by 60 a minute, thirty times; `_` is a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """`fires` fires at minute `at` with this `summary`; `silent` does not, since `why`."""

    alert: str
    at: str
    fires: Series
    summary: str
    silent: Series
    why: str


UP = 'up{{job="adjudicate/adjudicate-{0}",instance="{0}/0"}}'.format
GATEWAY = 'instance="gateway/0"'
ANSWERED = f'adjudicate_requests_total{{{GATEWAY},code="ok"}}'
FAILED = f'adjudicate_requests_total{{{GATEWAY},code="room_unavailable"}}'
REFUSED = f'adjudicate_requests_total{{{GATEWAY},code="rate_limited"}}'


def ads(outcome: str, code: str = "ok") -> str:
    return f'adjudicate_ads_total{{protocol="grpc",outcome="{outcome}",code="{code}"}}'


def judged(verdict: str) -> str:
    return f'adjudicate_ads_judged_total{{verdict="{verdict}",cached="false"}}'


def disk(state: str) -> str:
    return f'system_filesystem_usage_bytes{{instance="ledger/0",system_filesystem_state="{state}"}}'


def times(fast: str, slow: str, name: str, labels: str) -> Series:
    """A histogram: all values below 1 s grow by `fast`, those up to 30 s by `slow`."""
    return {
        f'{name}_bucket{{{labels},le="0.1"}}': fast,
        f'{name}_bucket{{{labels},le="1"}}': fast,
        f'{name}_bucket{{{labels},le="30"}}': slow,
        f'{name}_bucket{{{labels},le="+Inf"}}': slow,
    }


REQUEST = ("adjudicate_request_duration_seconds", f'{GATEWAY},endpoint="/review"')
SQL = ("db_client_operation_duration_seconds", 'instance="ledger/0",db_operation_name="INSERT"')

CASES = (
    Case(
        "AdjudicateRoomDown",
        "5m",
        {UP("judge"): "1x1 0x10", UP("ledger"): "1x11"},
        "judge/0 does not answer Prometheus",
        {UP("judge"): "1x4 0x0 1x6"},
        "it missed a single scrape",
    ),
    Case(
        "AdjudicateAbsent",
        "10m",
        {UP("encoder"): "1x10"},
        "No gateway is there",
        {UP("gateway"): "1x10"},
        "the gateway answers",
    ),
    Case(
        "AdjudicateRoomUnhealthy",
        "5m",
        {'adjudicate_room_healthy{room="judge"}': "1x1 0x10"},
        "judge fails its canaries",
        {'adjudicate_room_healthy{room="judge"}': "1x3 0x0 1x6"},
        "one canary failed",
    ),
    Case(
        "AdjudicateRoomRestarting",
        "14m",
        {'adjudicate_room_restarts{room="judge",reason="died"}': "0x4 1x2 2x2 3x2 4x5"},
        "judge restarts again and again",
        {'adjudicate_room_restarts{room="judge",reason="died"}': "0x4 1x20"},
        "it was restarted once",
    ),
    Case(
        "AdjudicateCanariesStopped",
        "20m",
        {'adjudicate_canaries_total{room="judge",result="ok"}': "0+2x3 6x20"},
        "No canaries are sent",
        {'adjudicate_canaries_total{room="judge",result="ok"}': "0+2x30"},
        "they go on",
    ),
    Case(
        "AdjudicateErrorsFast",
        "70m",
        {ANSWERED: "0+600x100", FAILED: "0+20x100"},
        "3.226% of the requests fail",
        {ANSWERED: "0+600x100", REFUSED: "0+200x100"},
        "callers are refused, which is their own doing",
    ),
    Case(
        "AdjudicateErrorsFast",
        "8h",
        {ANSWERED: "0+600x600", FAILED: "0+4x600"},
        "0.6623% of the requests fail",
        {ANSWERED: "0+1x600", FAILED: "0x470 3x130"},
        "three failures of a quiet night wake nobody",
    ),
    Case(
        "AdjudicateErrorsSlow",
        "8h",
        {ANSWERED: "0+1000x600", FAILED: "0+2x600"},
        "0.1996% of the requests fail",
        {ANSWERED: "0+10000x600", FAILED: "0+5x600"},
        "0.05 % stay within the budget",
    ),
    Case(
        "AdjudicateAdsFailing",
        "15m",
        {ads("approve"): "0+100x20", ads("error", "internal"): "0+5x20"},
        "4.762% of the ads cannot be reviewed",
        {ads("approve"): "0+100x20", ads("error", "image_truncated"): "0+5x20"},
        "the pictures are broken, not the service",
    ),
    Case(
        "AdjudicateAdsRefused",
        "40m",
        {ads("approve"): "0+80x50", ads("error", "image_truncated"): "0+20x50"},
        "20% of the ads end in an error",
        {ads("approve"): "0+95x50", ads("error", "image_truncated"): "0+5x50"},
        "5 % are usual",
    ),
    Case(
        "AdjudicateSlow",
        "20m",
        times("0+50x30", "0+100x30", *REQUEST),
        "A review takes 27.1s (p95)",
        times("0+99x30", "0+100x30", *REQUEST),
        "one of a hundred is slow",
    ),
    Case(
        "AdjudicateSaturated",
        "20m",
        {f"adjudicate_ads_waiting{{{GATEWAY}}}": "7x30"},
        "Ads wait at the gateway all the time",
        {f"adjudicate_ads_waiting{{{GATEWAY}}}": "7 0 9 0 8 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0"},
        "the line comes to its end again and again",
    ),
    Case(
        "AdjudicateQueueLong",
        "20m",
        {'adjudicate_queue_depth{instance="encoder/0",queue="encoder"}': "300x30"},
        "300 items wait in encoder/0 encoder",
        {'adjudicate_queue_depth{instance="encoder/0",queue="encoder"}': "300x8 10x22"},
        "a burst was worked off",
    ),
    Case(
        "AdjudicateSqlSlow",
        "20m",
        times("0+50x30", "0+100x30", *SQL),
        "SQL of ledger/0 takes 27.1s (p95)",
        times("0+100x30", "0+100x30", *SQL),
        "all are fast",
    ),
    Case(
        "AdjudicateBreakerOpen",
        "5m",
        {'adjudicate_judge_breaker{instance="judge/0"}': "2x10"},
        "The judge's server is not asked any more",
        {'adjudicate_judge_breaker{instance="judge/0"}': "1x10"},
        "it is half open: a try is under way",
    ),
    Case(
        "AdjudicateJudgeFailing",
        "25m",
        {judged("violation"): "0+90x30", judged("timeout"): "0+10x30"},
        "10% of the flagged ads get no verdict",
        {judged("violation"): "0+98x30", judged("timeout"): "0+2x30"},
        "2 % are below the bound",
    ),
    Case(
        "AdjudicateJudgeInvalid",
        "70m",
        {judged("violation"): "0+90x80", judged("invalid"): "0+10x80"},
        "10% of the judge's answers are of no use",
        {judged("violation"): "0+98x80", judged("invalid"): "0+2x80"},
        "2 % are below the bound",
    ),
    Case(
        "AdjudicateEscalations",
        "40m",
        {ads("approve"): "0+60x50", ads("escalate"): "0+40x50"},
        "40% of the ads are escalated",
        {ads("approve"): "0+90x50", ads("escalate"): "0+10x50"},
        "people can decide those",
    ),
    Case(
        "AdjudicateJudgedMuch",
        "70m",
        {judged("violation"): "0+50x80", "adjudicate_ads_screened_total": "0+100x80"},
        "50% of the ads go to the judge",
        {judged("violation"): "0+2x80", "adjudicate_ads_screened_total": "0+100x80"},
        "2 % is what the screen is there for",
    ),
    Case(
        "AdjudicateLibraryEmpty",
        "10m",
        {'adjudicate_library_exemplars{instance="library/0",polarity="violation"}': "0x20"},
        "The library holds no known violation",
        {'adjudicate_library_exemplars{instance="library/0",polarity="violation"}': "1x20"},
        "it holds one",
    ),
    Case(
        "AdjudicateRecallLow",
        "20m",
        {'adjudicate_search_recall{instance="library/0"}': "0.97x30"},
        "The search finds 97% of the hits",
        {'adjudicate_search_recall{instance="library/0"}': "0.999x30"},
        "999 of 1,000 are found",
    ),
    Case(
        "AdjudicateVersionsDiffer",
        "20m",
        {
            'adjudicate_version{instance="encoder/0",kind="encoder",version="b"}': "1x30",
            'adjudicate_version{instance="library/0",kind="encoder",version="a"}': "1x30",
        },
        "Rooms have different versions of the encoder",
        {
            'adjudicate_version{instance="judge/0",kind="policy",version="a"}': "1x5 _x25",
            'adjudicate_version{instance="judge/0",kind="policy",version="b"}': "_x5 1x25",
            'adjudicate_version{instance="ledger/0",kind="policy",version="b"}': "1x30",
        },
        "all rooms have taken the new policy",
    ),
    Case(
        "AdjudicateDiskLow",
        "10m",
        {disk("free"): "4e9x20", disk("used"): "96e9x20"},
        "4% of the disk of ledger/0 are left",
        {disk("free"): "10e9x20", disk("used"): "90e9x20"},
        "a tenth is left",
    ),
    Case(
        "AdjudicateDiskFilling",
        "8h",
        {disk("free"): "50e9-50e6x600"},
        "The disk of ledger/0 will be full within a day",
        {disk("free"): "50e9-10e6x600"},
        "it lasts for days",
    ),
    Case(
        "AdjudicateMemoryGrowing",
        "27h",
        {'process_memory_usage_bytes{instance="encoder/0"}': "4e9x1440 8589934592x400"},
        "encoder/0 holds 8GiB",
        {'process_memory_usage_bytes{instance="encoder/0"}': "1e9x1440 2e9x400"},
        "2 GB are little",
    ),
    Case(
        "AdjudicateFilesMany",
        "15m",
        {'process_open_file_descriptor_count{instance="gateway/0"}': "900x20"},
        "gateway/0 has 900 open files",
        {'process_open_file_descriptor_count{instance="gateway/0"}': "300x20"},
        "300 are usual under load",
    ),
    Case(
        "AdjudicateGpuMemoryFull",
        "20m",
        {
            'hw_gpu_memory_usage_bytes{instance="judge/0",hw_id="0"}': "79e9x30",
            'hw_gpu_memory_limit_bytes{instance="judge/0",hw_id="0"}': "80e9x30",
        },
        "0 has 98.75% of its memory in use",
        {
            'hw_gpu_memory_usage_bytes{instance="judge/0",hw_id="0"}': "70e9x30",
            'hw_gpu_memory_limit_bytes{instance="judge/0",hw_id="0"}': "80e9x30",
        },
        "an eighth is free",
    ),
    Case(
        "AdjudicateGpuHot",
        "10m",
        {'hw_temperature_celsius{instance="judge/0",hw_id="0"}': "90x20"},
        "0 is at 90 °C",
        {'hw_temperature_celsius{instance="judge/0",hw_id="0"}': "75x20"},
        "75 °C is usual under load",
    ),
    Case(
        "AdjudicateExportFailing",
        "40m",
        {
            'adjudicate_telemetry_export_failures_total{instance="judge/0",signal="traces"}': (
                "0+1x50"
            )
        },
        "judge/0 cannot export its traces",
        {
            'adjudicate_telemetry_export_failures_total{instance="judge/0",signal="traces"}': (
                "0x2 1x50"
            )
        },
        "one export failed, the next ones did not",
    ),
    Case(
        "AdjudicateDrift",
        "70m",
        {'adjudicate_quality_psi{instance="library/0",feature="image"}': "0.4x80"},
        "The ads have moved: PSI of image is 0.40",
        {'adjudicate_quality_psi{instance="library/0",feature="image"}': "0.15x80"},
        "a small shift is a matter for the dashboard",
    ),
    Case(
        "AdjudicateScreenMisses",
        "70m",
        {
            'adjudicate_quality_screen_miss_rate{bound="low"}': "0.03x80",
            'adjudicate_quality_screen_miss_rate{bound="high"}': "0.09x80",
        },
        "The screen misses at least 3%",
        {
            'adjudicate_quality_screen_miss_rate{bound="low"}': "0.001x80",
            'adjudicate_quality_screen_miss_rate{bound="high"}': "0.09x80",
        },
        "the sample is too small to say so",
    ),
    Case(
        "AdjudicateReviewersDisagree",
        "70m",
        {
            'adjudicate_quality_reviewer_agreement{bound="low"}': "0.6x80",
            'adjudicate_quality_reviewer_agreement{bound="high"}': "0.8x80",
        },
        "People uphold at most 80% of the decisions",
        {
            'adjudicate_quality_reviewer_agreement{bound="low"}': "0.6x80",
            'adjudicate_quality_reviewer_agreement{bound="high"}': "0.95x80",
        },
        "too few reviews to say so",
    ),
    Case(
        "AdjudicatePositivesMoved",
        "28h",
        {'adjudicate_quality_judge_positive_rate{rule="all"}': "0.3x1500 0.6x400"},
        "The judge finds violations in 30% more or fewer of its ads",
        {'adjudicate_quality_judge_positive_rate{rule="all"}': "0.3x1500 0.4x400"},
        "a tenth more is chance",
    ),
    Case(
        "AdjudicateWatchdog",
        "1m",
        {UP("gateway"): "1x5"},
        "Alerting works",
        {},
        "",
    ),
)
