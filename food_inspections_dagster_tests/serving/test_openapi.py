import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase

from food_inspections_dagster.serving.documents import ProblemDocument
from food_inspections_dagster.serving.problems import MEDIA_TYPE

ANY = hypothesis.settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_every_operation_is_described_with_its_problems(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"] and operation["description"], path
            assert {"429", "500", "503"} <= set(operation["responses"]), path
            for status in operation["responses"].keys() - {"200", "304"}:
                assert list(operation["responses"][status]["content"]) == [MEDIA_TYPE], (path, status)
    assert document["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status", "detail"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    files = document["paths"]["/v1/priorities"]["get"]["responses"]["200"]["content"]
    assert set(files) == {"application/json", "text/csv", "application/geo+json", "application/vnd.apache.parquet"}
    assert ProblemDocument.model_validate(client.get("/v1/nothing").json()).status == 404


def test_whatever_is_sent_the_answer_is_as_described(client, server):
    described = schemathesis.openapi.from_asgi("/openapi.json", server)
    called = []
    for result in described.get_all_operations():
        operation = result.ok()
        called.append(operation.path)
        modes = [schemathesis.GenerationMode.POSITIVE]
        if list(operation.iter_parameters()) or list(operation.body):  # without any there is nothing to send wrongly
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        for mode in modes:

            @ANY
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def keeps_its_word(case):
                # The first prediction starts a process: however slow the machine is, it is waited for.
                case.call_and_validate(timeout=3_600)

            keeps_its_word()
    assert {"/v1/priorities", "/v1/predict"} <= set(called) and len(called) >= 12
