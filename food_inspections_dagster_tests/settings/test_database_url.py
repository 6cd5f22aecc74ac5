import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import DatabaseUrl, load_settings

#: What a password may hold, and parts of it that no sentence may show.
PASSWORDS = {
    "abc%zzdef": ("abc", "zzdef"),
    "abc/99def": ("abc", "99def"),
    "abc@99def": ("abc", "99def"),
    "abc#99def": ("abc", "99def"),
    "abc?99def": ("abc", "99def"),
    "abc[99def": ("abc", "99def"),
    "abc 99def": ("abc", "99def"),
    "abc:xx/99def": ("abc", "99def", "xx"),
    "100%": ("100",),
}
ENCODED = {
    "abc%zzdef": "abc%25zzdef",
    "abc/99def": "abc%2F99def",
    "abc@99def": "abc%4099def",
    "a:b c#[": "a%3Ab%20c%23%5B",
}


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_raw_password_is_refused_in_one_sentence_without_any_part_of_it(home, monkeypatch, password):
    url = f"postgresql://jane:{password}@localhost:5432/things"
    with pytest.raises(FoodInspectionsError, match="percent-encode") as refusal:
        DatabaseUrl.parse(url)
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", url)
    with pytest.raises(FoodInspectionsError, match=r"DATABASE__URL.*percent-encode") as from_settings:
        load_settings()
    for sentence in (str(refusal.value), str(from_settings.value)):
        assert [part for part in (*PASSWORDS[password], "jane", "things") if part in sentence] == []
        assert "\n" not in sentence


@pytest.mark.parametrize("password", ENCODED)
def test_an_encoded_password_is_read_alike_by_all(password):
    text = f"postgresql://jane%40x:{ENCODED[password]}@db.example.org:6432/food%20inspections?sslmode=require"
    url = DatabaseUrl.parse(text)
    assert (url.host, url.port, url.user, url.database) == ("db.example.org", 6432, "jane@x", "food inspections")
    assert url.place == "db.example.org:6432"
    assert password not in repr(url) and ENCODED[password] not in repr(url)
    other = url.with_database("dagster_own")
    for read in (conninfo_to_dict(other), make_url(other).translate_connect_args(username="user", database="dbname")):
        assert {**read, "port": int(read["port"])}.items() >= {
            "user": "jane@x",
            "password": password,
            "host": "db.example.org",
            "port": 6432,
            "dbname": "dagster_own",
        }.items()
    assert conninfo_to_dict(other)["sslmode"] == "require"
    assert conninfo_to_dict(url.with_database("a/b"))["dbname"] == "a/b"


def test_a_server_on_a_socket_answers_to_a_url_with_an_encoded_password(postgres):
    socket = conninfo_to_dict(postgres.url("postgres"))["host"]
    text = f"postgresql://postgres:p%40%2F%25@/?host={socket}&dbname=template1"
    url = DatabaseUrl.parse(text)
    assert (url.host, url.database) == (socket, "template1")
    with psycopg.connect(url.with_database("postgres")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("postgres",)


def test_defaults_and_other_forms():
    assert DatabaseUrl.parse("postgres://localhost").port == 5432
    assert DatabaseUrl.parse("postgresql://me@[::1]:99/a").host == "::1"
    assert DatabaseUrl.parse("postgresql://").place == "localhost:5432"


@pytest.mark.parametrize(
    "text",
    [
        "mysql://localhost/a",
        "postgresql://localhost:0/a",
        "postgresql://localhost:99999/a",
        "postgresql://one,two/a",
        "postgresql://localhost/a?no_such_option=secret1",
    ],
)
def test_what_is_no_url_of_one_server_is_refused(text):
    with pytest.raises(FoodInspectionsError) as refusal:
        DatabaseUrl.parse(text)
    assert "secret1" not in str(refusal.value)
