"""From the counters of Envoy to numbered parts: nothing counts twice, and nothing is negative."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage

from holdfast.apis.traffic.latencies import BOUNDS, find_percentile
from holdfast.apis.traffic.measures import Measures
from holdfast.gateway.control.messages import MalformedMessage, read, write
from holdfast.gateway.control.traffic import MAX_STATUSES, TrafficReport
from holdfast.gateway.resources.constants import CERTIFICATE_TAG
from holdfast.gateway.traffic import backlog, certificates, counting, totals
from holdfast.gateway.traffic.backlog import Backlog, Part
from holdfast.gateway.traffic.certificates import PresentedCertificates
from holdfast.gateway.traffic.counting import Counting
from holdfast.gateway.traffic.memory import TRAFFIC_FILE, Memory, TrafficState
from holdfast.gateway.traffic.metrics_messages import Metrics
from holdfast.gateway.traffic.metrics_service import Flush, read_flush
from holdfast.gateway.traffic.recorder import TrafficRecorder
from holdfast.gateway.traffic.sampling import choose_sample
from holdfast.gateway.traffic.totals import BEGIN_AGAIN, Totals
from running import START_WITHIN

NOW = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
MINUTE = NOW.replace(second=0)
CLUSTER = "default/0f1e/production"
CERTIFICATE = "ab" * 32
KINDS = {TrafficReport.KIND: TrafficReport}


def flush(process="1.0", latencies=None, **counters):
    """A flush with these requests by status."""
    values = {f"traffic.requests.of.{CLUSTER} {status[1:]}": count for status, count in counters.items()}
    return Flush(process, values, latencies or {})


def list_statuses(measures_by_cluster):
    return dict(measures_by_cluster[CLUSTER].statuses) if measures_by_cluster else {}


def test_only_what_came_since_the_last_flush_counts():
    counting = Counting({}, is_new=True)
    assert list_statuses(counting.compare(flush(s200=5))) == {200: 5}
    assert list_statuses(counting.compare(flush(s200=7, s503=1))) == {200: 2, 503: 1}
    assert counting.compare(flush(s200=7, s503=1)) == {}


def test_a_new_process_begins_at_zero_and_its_predecessor_may_still_report():
    counting = Counting({}, is_new=True)
    counting.compare(flush("1.0", s200=100))
    assert list_statuses(counting.compare(flush("1.1", s200=3))) == {200: 3}
    assert list_statuses(counting.compare(flush("1.0", s200=104))) == {200: 4}
    assert list_statuses(counting.compare(flush("1.1", s200=5))) == {200: 2}


def test_a_counter_that_went_back_is_never_negative():
    counting = Counting({}, is_new=True)
    counting.compare(flush(s200=100))
    assert counting.compare(flush(s200=40)) == {}


def test_an_agent_that_lost_its_file_does_not_count_the_past_of_an_envoy():
    counting = Counting({}, is_new=False)
    assert counting.compare(flush(s200=1_000_000)) == {}
    assert list_statuses(counting.compare(flush(s200=1_000_002))) == {200: 2}


def test_details_of_the_sample_belong_to_their_cluster():
    measures = Counting({}, is_new=True).compare(
        Flush(
            "1.0",
            {
                f"traffic.requests.of.{CLUSTER} 200": 4,
                f"traffic.sampled.of.{CLUSTER} TLSv1.3": 3,
                f"traffic.sampled.of.{CLUSTER} ": 1,
                f"traffic.received.of.{CLUSTER}": 40,
                f"traffic.sent.of.{CLUSTER}": 80,
                "traffic.requests.of. 404": 9,
                "http.production.downstream_rq_total": 13,
            },
            {f"traffic.ms.of.{CLUSTER}": (1, 3), "traffic.ms.of.": (9,)},
        )
    )
    assert measures == {CLUSTER: Measures({200: 4}, (1, 3), 40, 80, {"TLSv1.3": 3, "": 1})}


def test_certificates_belong_to_the_clusters_whose_requests_were_verified(monkeypatch):
    monkeypatch.setattr(certificates, "MAX_CLUSTERS", 2)
    by_cluster = PresentedCertificates()
    by_cluster.take(b"not a message")
    for cluster, certificate in (
        ("forgotten", "cd" * 32),
        (CLUSTER, "-"),
        (CLUSTER, CERTIFICATE),
        ("other", "ef" * 32),
    ):
        by_cluster.take(write_report(cluster, certificate))
    with_tls, without_tls = Measures({200: 1}, tls_versions={"TLSv1.3": 1}), Measures({503: 1}, tls_versions={"": 1})
    measures_by_cluster = by_cluster.add_to({CLUSTER: with_tls, "other": without_tls, "forgotten": with_tls})
    assert [measures.certificate for measures in measures_by_cluster.values()] == [CERTIFICATE, "", ""]
    by_cluster.take(write_report("other", CERTIFICATE, start=1))
    assert by_cluster.add_to({}) == {"other": Measures(certificate=CERTIFICATE)}
    assert by_cluster.add_to({}) == {}


def test_the_certificate_of_the_last_request_counts_in_whatever_order_they_are_reported():
    certificates = PresentedCertificates()
    certificates.take(write_report(CLUSTER, CERTIFICATE, start=9))
    certificates.take(write_report(CLUSTER, "ef" * 32, start=8))
    assert certificates.add_to({}) == {CLUSTER: Measures(certificate=CERTIFICATE)}


def write_report(cluster, certificate, start=0):
    message = StreamAccessLogsMessage()
    common = message.http_logs.log_entry.add().common_properties
    common.start_time.seconds = start
    common.route_name, common.custom_tags[CERTIFICATE_TAG] = cluster, certificate
    return message.SerializeToString()


def test_counters_without_a_place_are_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(counting, "MAX_COUNTERS", 2)
    comparison = Counting({}, is_new=True)
    comparison.compare(flush(s200=1, s404=1))
    assert list_statuses(comparison.compare(flush(s500=8, s404=3, s200=2))) == {200: 1, 404: 2}
    assert comparison.uncounted == 1


def test_envoy_sends_counts_up_to_a_bound_and_they_become_counts_of_buckets():
    message = Metrics()
    message.identifier.node.locality.zone = "7.1"
    family = message.envoy_metrics.add(name=f"traffic.ms.of.{CLUSTER}", type=4)
    histogram = family.metric.add().histogram
    histogram.sample_count = 5
    for upto in (1, 3, *[3] * (len(BOUNDS) - 2)):
        histogram.bucket.add(cumulative_count=upto)
    read_back = read_flush("7.1", Metrics.FromString(message.SerializeToString()))
    assert read_back.latencies[f"traffic.ms.of.{CLUSTER}"] == (1, 2, *[0] * (len(BOUNDS) - 2), 2)


def test_totals_without_places_begin_again_so_that_new_apis_get_one(monkeypatch):
    def read():
        since, counts = sums.read()
        return since, [(attributes.get("holdfast.api.id", "others"), count) for attributes, count in counts]

    monkeypatch.setattr(totals, "MAX_SERIES", 1)
    times = [NOW]
    sums = Totals(lambda: times[-1])
    for _ in range(2):
        sums.add({"nonsense": Measures({200: 7}), CLUSTER: Measures({200: 2}), "o/new/sandbox": Measures({200: 3})})
    assert read() == (NOW, [("0f1e", 4), ("others", 6)])
    times.append(NOW + BEGIN_AGAIN)
    assert read() == (NOW, [("0f1e", 4), ("others", 6)])
    sums.add({"o/new/sandbox": Measures({200: 5})})
    assert read() == (times[-1], [("new", 5)])


def test_percentiles_are_within_their_bucket():
    latencies = (0,) * BOUNDS.index(100) + (100,)
    assert 70 < find_percentile(latencies, 0.5) < 100
    assert find_percentile((), 0.5) is None
    assert find_percentile((0,) * len(BOUNDS) + (1,), 0.99) == BOUNDS[-1]


def test_parts_stay_until_they_are_acknowledged_and_numbers_grow():
    waiting = Backlog()
    for second in range(3):
        waiting.add(MINUTE, {CLUSTER: Measures({200: second})}, 5.0, is_late=False, uncounted=0)
        waiting.cut()
    assert [part.number for part in waiting.parts] == [1, 2, 3]
    waiting.acknowledge(2)
    assert [part.number for part in waiting.parts] == [3]
    waiting.cut()  # nothing is open
    assert waiting.number == 3


def test_a_large_minute_is_split_and_covers_its_seconds_once():
    waiting = Backlog()
    waiting.add(MINUTE, {f"c{n}": Measures({200: 1}) for n in range(backlog.PART + 1)}, 60, is_late=False, uncounted=0)
    assert not waiting.is_small
    waiting.cut()
    assert [(len(part.clusters), part.seconds) for part in waiting.parts] == [(backlog.PART, 60), (1, 0)]


def test_the_oldest_parts_are_dropped_and_the_next_one_counts_them(monkeypatch):
    monkeypatch.setattr(backlog, "MAX_WAITING", 2)
    waiting = Backlog()
    for _ in range(5):
        waiting.add(MINUTE, {}, 60, is_late=False, uncounted=0)
        waiting.cut()
    assert [part.number for part in waiting.parts] == [4, 5]
    monkeypatch.setattr(backlog, "MAX_WAITING", 10)
    waiting.add(MINUTE, {}, 60, is_late=False, uncounted=0)
    waiting.cut()
    assert sum(part.dropped for part in waiting.parts) == 3


def test_a_recorder_hands_out_the_same_parts_after_it_was_killed(tmp_path):
    asyncio.run(_kill_and_start_again(tmp_path))


async def _kill_and_start_again(tmp_path):
    times = iter(NOW + timedelta(seconds=5 * n) for n in range(100))
    recorder = TrafficRecorder(tmp_path, tmp_path / "admin", lambda: next(times), is_new=True)
    recorder.take(flush(s200=5))
    await recorder.write()
    part = await recorder.next_part()
    assert list_statuses(part.clusters) == {200: 5}
    recorder.take(flush(s200=6))  # isn't in the file yet
    second = TrafficRecorder(tmp_path, tmp_path / "admin", lambda: next(times), is_new=False)
    assert second.source == recorder.source
    assert await second.next_part() == part
    second.acknowledge(part.number)
    second.take(flush(s200=9))
    await second.close()
    assert list_statuses((await second.next_part()).clusters) == {200: 4}


def test_a_recorder_that_is_cancelled_finishes_writing_before_it_writes_more(tmp_path, monkeypatch):
    is_writing, may_write, write = threading.Event(), threading.Event(), Memory.write

    def write_slowly(memory, state):
        is_writing.set()
        assert may_write.wait(START_WITHIN)
        write(memory, state)

    async def story():
        times = iter(NOW + timedelta(seconds=5 * n) for n in range(100))
        recorder = TrafficRecorder(tmp_path, tmp_path / "admin", lambda: next(times), is_new=True)
        recorder.take(flush(s200=5))
        following = asyncio.create_task(recorder.follow())
        assert await asyncio.to_thread(is_writing.wait, START_WITHIN)
        following.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not following.done()
        may_write.set()
        async with asyncio.timeout(START_WITHIN):
            await asyncio.wait([following])

    monkeypatch.setattr(Memory, "write", write_slowly)
    asyncio.run(story())


def test_a_file_that_cannot_be_read_begins_a_new_source(tmp_path):
    memory = Memory(tmp_path)
    memory_content = TrafficState(
        at=NOW, number=3, counters={"1.0": {"a": 1}}, parts=(Part(3, MINUTE, 5, False, 0, 0, {}),)
    )
    memory.write(memory_content)
    assert memory.read() == memory_content
    (tmp_path / TRAFFIC_FILE).write_text('{"source": 3}')
    assert memory.read().source != memory_content.source


def test_a_file_that_cannot_be_written_is_removed(tmp_path):
    memory = Memory(tmp_path)
    memory.write(TrafficState())
    (tmp_path / f".{TRAFFIC_FILE}.new").mkdir()
    memory.write(TrafficState())
    assert not (tmp_path / TRAFFIC_FILE).exists()


def test_a_report_survives_the_way_and_rare_statuses_are_summed_up():
    many = Measures({status: 1000 - status for status in range(400, 400 + 2 * MAX_STATUSES)}, (1, 0, 2), 3, 4, {"": 3})
    report = TrafficReport("0" * 16, Part(9, MINUTE, 61.5, True, 1, 2, {CLUSTER: many}))
    report_again = read(write(report), KINDS, 10**6)
    assert report_again.part.seconds == 60
    (measures,) = report_again.part.clusters.values()
    assert measures.requests == many.requests
    assert len(measures.statuses) <= MAX_STATUSES + 10
    assert measures.latencies == (1, 0, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "x" * 16},
        {"number": -1},
        {"minute": 30.5},
        {"seconds": 61},
        {"clusters": [{"name": "x" * 301}]},
        {"clusters": [{"name": "a"}] * (backlog.PART + 1)},
        {"statuses": {"2000": 1}},
        {"statuses": {"²": 1}},
        {"statuses": {"200": -1}},
        {"statuses": {"200": 10**12}},
        {"statuses": {str(n): 1 for n in range(100)}},
        {"latencies": [1] * 40},
        {"received": 10**16},
        {"tlsVersions": {"<script>": 1}},
        {"certificate": "AB" * 32},
    ],
)
def test_a_report_of_another_form_is_refused(wrong):
    valid = TrafficReport("0" * 16, Part(1, MINUTE, 5, False, 0, 0, {CLUSTER: Measures({200: 1})})).to_members()
    cluster = valid["clusters"][0]
    members = valid | ({"clusters": [cluster | wrong]} if wrong.keys() & cluster.keys() else wrong)

    class Sent:
        KIND = TrafficReport.KIND

        def to_members(self):
            return members

    with pytest.raises(MalformedMessage):
        read(write(Sent()), KINDS, 10**6)


def test_the_sample_is_halved_until_it_is_small_enough():
    assert choose_sample(0) == choose_sample(200) == 1_000_000
    assert choose_sample(201) == 500_000
    assert 100 < 15_000 * choose_sample(15_000) / 1_000_000 <= 200
