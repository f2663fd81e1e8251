"""When a gateway replaces a token that a backend rejects: soon, but never for each rejected request."""

from datetime import UTC, datetime, timedelta

from holdfast.gateway.agent.early_renewal import EarlyRenewal

START = datetime(2026, 11, 29, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_one_token_is_replaced_once_and_requests_with_the_previous_one_do_not_count():
    renewal = EarlyRenewal(START)
    assert not renewal.reject(at(-1))
    assert not renewal.reject(at(9))
    assert renewal.reject(at(3600))
    assert not renewal.reject(at(3700))
    renewal.use(at(3701))
    assert not renewal.reject(at(3700))
    assert renewal.reject(at(3711))


def test_a_backend_that_rejects_every_token_causes_few_requests_for_tokens():
    renewal, times = EarlyRenewal(START), []
    for second in range(3600):
        if renewal.reject(at(second)):
            times.append(second)
            renewal.use(at(second))
    assert times == [10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]
    # A token that worked for a long time is replaced as soon as at first.
    renewal.use(at(3600))
    assert renewal.reject(at(9000))
    renewal.use(at(9001))
    assert renewal.reject(at(9011))
