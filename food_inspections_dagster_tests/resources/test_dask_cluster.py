import datetime
import ipaddress
import shutil
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import food_inspections_dagster
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dask_cluster import DaskCluster
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Computing
from food_inspections_dagster_tests import clusters

#: One worker may die of a task, a second one proves that it was the task.
VARIABLES = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    "FOOD_INSPECTIONS__STORAGE__S3__ACCESS_KEY_ID": "of-the-worker",
}


def compute(address: str, folder, **more) -> DaskCluster:
    objects = ObjectStore(url=str(folder), portal="simulated-test")
    return DaskCluster(objects, Computing(**{"scheduler": address, "retries": 1, "timeout_seconds": 120, **more}))


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    with clusters.cluster(tmp_path_factory.mktemp("dask"), VARIABLES) as made:
        yield made


def doubles(of: DaskCluster, function, count: int = 9):
    with of.workspace() as where:
        tasks = [{"address": where.put(str(n).encode()), "kills": n == 4} for n in range(count)]
        told = of.map(function, tasks, where)
        assert [where.get(one["address"]) for one in told] == [str(2 * n).encode() for n in range(count)]
        return {one["process"] for one in told}


def test_tasks_run_on_the_workers_with_keys_of_their_own(dask, tmp_path):
    on = compute(dask.address, tmp_path)
    assert doubles(on, clusters.doubled) <= {worker.pid for worker in dask.workers}
    with on.workspace() as where:
        assert on.map(clusters.tells_its_key, [{}], where) == [{"key": "of-the-worker"}]
        assert on.map(clusters.doubled, [], where) == []
        with pytest.raises(FoodInspectionsError, match="does not exist"):
            on.map(clusters.refuses, [{}], where)


def test_a_worker_with_other_code_is_refused(dask, tmp_path):
    other = tmp_path / "other"
    package = shutil.copytree(
        clusters.ROOT / food_inspections_dagster.__name__, other / food_inspections_dagster.__name__
    )
    with (package / "weeks.py").open("a") as file:
        file.write("# of another version\n")
    dask.add_worker({"PYTHONPATH": str(other)})
    alone = dask.workers.pop()
    try:
        with pytest.raises(FoodInspectionsError, match=r"The worker tcp://\S+ has other code or libraries \(\w{16}\)"):
            while alone.poll() is None:  # until it has joined
                doubles(compute(dask.address, tmp_path / "objects"), clusters.doubled)
    finally:
        alone.kill()
        alone.wait()


def test_a_worker_that_dies_costs_nothing_but_time_unless_they_all_die_of_the_task(dask, tmp_path):
    on, alive = compute(dask.address, tmp_path), dask.alive
    doubles(on, clusters.doubled_but_dies_once)
    assert dask.alive == alive - 1
    with on.workspace() as where, pytest.raises(FoodInspectionsError, match="kills_every_worker ended several workers"):
        on.map(clusters.kills_every_worker, [{}], where)


def test_a_scheduler_that_is_not_there_or_has_no_worker_is_one_sentence(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = compute(f"tcp://127.0.0.1:{free.getsockname()[1]}", tmp_path / "objects", timeout_seconds=0.5)
        with pytest.raises(FoodInspectionsError, match=r"cannot be reached: start it, correct compute\.scheduler"):
            doubles(nobody, clusters.doubled)
    with clusters.cluster(tmp_path / "dask", workers=0) as empty:
        idle = compute(empty.address, tmp_path / "objects", timeout_seconds=5)
        with pytest.raises(FoodInspectionsError, match="has no worker: start one with `dask worker tcp://"):
            doubles(idle, clusters.doubled)


def certificate(folder, name, issuer=None):
    """Write a certificate and its key as PEM; return both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signer, signing = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .sign(signing, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return made, key


def test_who_shows_no_certificate_of_the_clusters_is_not_let_in(tmp_path):
    authority = certificate(tmp_path, "authority")
    certificate(tmp_path, "ours", authority)
    certificate(tmp_path, "stranger")
    options = [
        *("--tls-ca-file", str(tmp_path / "authority.pem")),
        *("--tls-cert", str(tmp_path / "ours.pem")),
        *("--tls-key", str(tmp_path / "ours.key")),
    ]

    def tls(name):
        return {
            "tls_ca_file": tmp_path / "authority.pem",
            "tls_certificate": tmp_path / f"{name}.pem",
            "tls_key": tmp_path / f"{name}.key",
        }

    with clusters.cluster(tmp_path / "dask", workers=1, options=options) as dask:
        assert dask.address.startswith("tls://")
        doubles(compute(dask.address, tmp_path / "objects", **tls("ours")), clusters.doubled)
        with pytest.raises(FoodInspectionsError, match="cannot be reached"):
            doubles(compute(dask.address, tmp_path / "objects", **tls("stranger"), timeout_seconds=2), clusters.doubled)
        plain = dask.address.replace("tls://", "tcp://")
        with pytest.raises(FoodInspectionsError, match="cannot be reached"):
            doubles(compute(plain, tmp_path / "objects", timeout_seconds=2), clusters.doubled)
