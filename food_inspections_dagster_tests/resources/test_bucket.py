"""The bucket's rules on moto, which knows them all, and on rclone's server, which knows none."""

import uuid

import boto3
import pytest
from pydantic import SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.bucket import Bucket
from food_inspections_dagster.settings import S3, Retention
from food_inspections_dagster_tests.conftest import BUCKET, KEYS

KEEP = Retention(run_days=None, list_weeks=None, temporary_days=60, upload_days=7, version_days=90)


def opened(endpoint, name="", prefix="city", keep=KEEP, secret=KEYS[1], **s3):
    reach = S3(endpoint_url=endpoint, access_key_id=SecretStr(KEYS[0]), secret_access_key=SecretStr(secret), **s3)
    return Bucket(f"s3://{name or f'b-{uuid.uuid4().hex[:12]}'}/{prefix}", reach, keep, 10.0)


def client(endpoint):
    keys = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1], "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=endpoint, **keys)


def rules_of(endpoint, bucket):
    rules = client(endpoint).get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    return {rule["ID"]: rule for rule in rules}


def test_a_new_bucket_has_versions_rules_and_no_public(moto_s3):
    bucket = opened(moto_s3)
    assert not bucket.exists()
    assert bucket.create() == [] and bucket.exists() and bucket.differences() == []
    s3 = client(moto_s3)
    assert s3.get_bucket_versioning(Bucket=bucket.name)["Status"] == "Enabled"
    blocks = s3.get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
    assert len(blocks) == 4 and all(blocks.values())
    rules = rules_of(moto_s3, bucket)
    expires = {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules.values() if "Expiration" in rule}
    assert expires == {"city/temporary/": 60}
    versions = {
        rule["Filter"]["Prefix"]: rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules.values()
        if "NoncurrentVersionExpiration" in rule
    }
    assert versions == dict.fromkeys(["city/processed/", "city/models/", "city/reports/", "city/temporary/"], 90)
    uploads = [rule for rule in rules.values() if "AbortIncompleteMultipartUpload" in rule]
    assert [(r["Filter"]["Prefix"], r["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]) for r in uploads] == [
        ("city/", 7)
    ]


def test_it_lies_in_the_region_that_is_given(moto_s3):
    bucket = opened(moto_s3, region="eu-central-1")
    bucket.create()
    assert client(moto_s3).get_bucket_location(Bucket=bucket.name)["LocationConstraint"] == "eu-central-1"


def test_the_rules_of_others_stay(moto_s3):
    """Two projects share a bucket, and somebody else has a rule too."""
    first = opened(moto_s3)
    first.create()
    other = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}}
    rules = [*rules_of(moto_s3, first).values(), other]
    client(moto_s3).put_bucket_lifecycle_configuration(Bucket=first.name, LifecycleConfiguration={"Rules": rules})
    second = opened(moto_s3, first.name, prefix="town")
    assert [one.is_problem for one in second.differences()] == [True]
    assert second.apply_rules() == [] == first.differences()
    assert "logs" in rules_of(moto_s3, first) and len(rules_of(moto_s3, first)) == 2 * (len(rules) - 1) + 1


def test_what_differs_is_told_and_left_until_it_is_applied(moto_s3):
    bucket = opened(moto_s3)
    client(moto_s3).create_bucket(Bucket=bucket.name)
    sentences = [one.sentence for one in bucket.differences()]
    assert len(sentences) == 3 and all("--apply-rules" in one for one in sentences)
    assert "keeps no versions" in sentences[0] and "temporary" in sentences[1] and "public" in sentences[2]
    assert sentences == [one.sentence for one in bucket.differences()], "looking changes nothing"
    assert bucket.apply_rules() == []
    other_days = Bucket(
        f"s3://{bucket.name}/city", S3(endpoint_url=moto_s3), Retention(**{**dict(KEEP), "version_days": 30})
    )
    other_days._client = bucket._client
    assert ["versions of city/models/" in one.sentence for one in other_days.differences()] == [True]


@pytest.mark.parametrize("about", ["", "city/", "city/raw/inspections/"])
def test_a_rule_that_removes_raw_objects_is_a_problem(moto_s3, about):
    bucket = opened(moto_s3)
    bucket.create()
    bad = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": about}, "Expiration": {"Days": 3}}
    rules = [*rules_of(moto_s3, bucket).values(), bad]
    client(moto_s3).put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": rules})
    assert [one.sentence for one in bucket.differences()] == [
        f"The lifecycle rule 'tidy' of {bucket.name} removes objects of city/raw/, which cannot be had again: remove "
        "or narrow it."
    ]


def test_a_server_that_knows_no_rules_is_told_of_and_used(rclone_s3):
    bucket = opened(rclone_s3)
    assert not bucket.exists()
    findings = bucket.create()
    assert bucket.exists()
    assert [one.is_problem for one in findings] == [False] * 3
    assert [one.sentence.split(" knows no ")[1] for one in findings] == [
        f"{what}: see how it does that."
        for what in ("versions of objects", "lifecycle rules", "blocks of public access")
    ]
    assert bucket.differences() == findings


def test_wrong_keys_are_one_sentence_without_them(rclone_s3):
    with pytest.raises(FoodInspectionsError, match=r"refuses HeadBucket.*storage\.s3") as refusal:
        opened(rclone_s3, BUCKET, secret="wrong-but-secret").exists()  # noqa: S106
    assert "wrong-but-secret" not in str(refusal.value)


def test_a_server_that_is_not_there_is_one_sentence():
    with pytest.raises(FoodInspectionsError, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        opened("http://127.0.0.1:1").exists()


def test_a_directory_needs_none():
    with pytest.raises(FoodInspectionsError, match="directory /objects, which needs no bucket"):
        Bucket("/objects", S3(), KEEP)
