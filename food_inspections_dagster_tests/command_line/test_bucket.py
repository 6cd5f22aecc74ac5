import uuid

import boto3
import pytest

from food_inspections_dagster.catalog import TEMPORARY, ZONES
from food_inspections_dagster.command_line.bucket import check, create
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import HOME_VARIABLE, load_settings
from food_inspections_dagster_tests.conftest import BUCKET, KEYS
from food_inspections_dagster_tests.world import write_home


@pytest.fixture
def settings_for(tmp_path, monkeypatch):
    """Settings of a project's folder whose objects lie on an S3 server, or in a directory."""
    monkeypatch.setenv(HOME_VARIABLE, str(write_home(tmp_path / "home", {})))

    def settings(endpoint=None, url="", secret=KEYS[1]):
        s3 = {"endpoint_url": endpoint, "access_key_id": KEYS[0], "secret_access_key": secret}
        url = url or f"s3://b-{uuid.uuid4().hex[:12]}/city"
        return load_settings({"storage": {"objects_url": url, "s3": s3, "retries": 0}})

    return settings


@pytest.fixture(params=["moto", "rclone"])
def endpoint(request):
    return request.getfixturevalue(f"{request.param}_s3")


def test_a_bucket_is_made_once_and_can_be_used_then(endpoint, settings_for, out, told):
    settings = settings_for(endpoint)
    assert not check(out, settings)
    assert "does not exist: `food-inspections bucket create` makes it" in told()
    create(out, settings, apply_rules=False)
    assert "is made." in told()
    create(out, settings, apply_rules=False)
    assert "exists and is as it should be; nothing was changed." in told()
    assert check(out, settings)
    assert told().endswith(f"{settings.objects_url} can be written, read and removed from.\n")
    assert ("knows no lifecycle rules" in told()) == ("Note:" in told())


def test_an_existing_bucket_is_changed_only_when_asked(moto_s3, settings_for, out, told):
    settings = settings_for(moto_s3)
    name = settings.objects_url.split("/")[2]
    boto3.client(
        "s3",
        endpoint_url=moto_s3,
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        region_name="us-east-1",
    ).create_bucket(Bucket=name)
    create(out, settings, apply_rules=False)
    assert f"The bucket {name} exists and differs; nothing was changed." in told()
    assert told().count("Problem: ") == 3
    assert not check(out, settings)
    create(out, settings, apply_rules=True)
    assert told().endswith(f"The bucket {name} has its rules.\n")
    assert check(out, settings)


def test_every_folder_is_tried_and_each_fault_is_a_sentence(settings_for, out, told, tmp_path):
    settings = settings_for(url=str(tmp_path / "objects"))
    (tmp_path / "objects").mkdir()
    for zone in ("raw", TEMPORARY):  # no folder can be made there
        (tmp_path / "objects" / zone).write_text("in the way")
    assert not check(out, settings)
    faults = [line for line in told().splitlines() if line.startswith("Problem: ")]
    assert len(faults) == 2 and "/raw/probe/" in faults[0] and f"/{TEMPORARY}/probe/" in faults[1]
    assert "is a directory, which has no rules" in told()


def test_nothing_of_the_probes_stays_and_nothing_is_claimed(settings_for, out, tmp_path):
    assert check(out, settings_for(url=str(tmp_path / "objects")))
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []
    assert {path.name for path in (tmp_path / "objects").iterdir()} <= {*ZONES, TEMPORARY}


def test_another_portal_s_data_is_a_problem(settings_for, out, told, tmp_path):
    ObjectStore(url=str(tmp_path / "objects"), portal="data-cityofchicago-org").put("raw/a", b"a")
    assert not check(out, settings_for(url=str(tmp_path / "objects")))
    assert "Problem: " in told() and "holds the data of the portal data-cityofchicago-org" in told()


def test_wrong_keys_are_one_problem(rclone_s3, settings_for, out, told):
    assert not check(out, settings_for(rclone_s3, f"s3://{BUCKET}/city", secret="wrong-but-secret"))  # noqa: S106
    assert told().count("Problem: ") == 1 and "refuses HeadBucket" in told() and "wrong-but-secret" not in told()


def test_a_directory_needs_no_bucket(settings_for, out, tmp_path):
    with pytest.raises(FoodInspectionsError, match="needs no bucket"):
        create(out, settings_for(url=str(tmp_path)), apply_rules=False)
