from food_inspections_dagster.serving.metrics import Metrics


class Idle:
    def statistics(self):
        return {"pool_size": 3, "requests_waiting": 1}


def test_requests_are_counted_by_route_and_the_pool_is_shown():
    metrics = Metrics(Idle())
    metrics.observe("/v1/weeks", "GET", 200, 0.02)
    metrics.observe("/v1/weeks", "GET", 503, 2.0)
    metrics.answers.labels("kept").inc()
    text = metrics.text().decode()
    assert 'food_inspections_requests_total{method="GET",route="/v1/weeks",status="503"} 1.0' in text
    assert 'food_inspections_request_seconds_count{route="/v1/weeks"} 2.0' in text
    assert 'food_inspections_answers_total{source="kept"} 1.0' in text
    assert "food_inspections_pool_size 3.0" in text and "food_inspections_pool_available 0.0" in text


def test_two_servers_of_one_process_count_apart():
    one, two = Metrics(Idle()), Metrics(Idle())
    one.observe("/docs", "GET", 200, 0.1)
    assert b"/docs" in one.text() and b"/docs" not in two.text()
