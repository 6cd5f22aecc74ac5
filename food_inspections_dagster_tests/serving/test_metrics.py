from food_inspections_dagster.serving.metrics import Metrics
from food_inspections_dagster.serving.store import Store


def test_requests_are_counted_in_a_registry_of_the_servers_own():
    store = Store("postgresql:///nowhere?host=/nowhere", 1, 2, 1)
    one, other = Metrics(store), Metrics(store)
    one.observe("/v1/weeks", "GET", 200, 0.004)
    text = one.text().decode()
    assert 'food_inspections_requests_total{method="GET",route="/v1/weeks",status="200"} 1.0' in text
    assert 'food_inspections_request_seconds_bucket{le="0.005",route="/v1/weeks"} 1.0' in text
    assert 'le="0.0025",route="/v1/weeks"} 0.0' in text
    assert "food_inspections_pool_available 0.0" in text
    assert "/v1/weeks" not in other.text().decode()
