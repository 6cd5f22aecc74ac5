"""Who may do what in Postgres: the owner, the pipeline, and whoever only reads.

Roles belong to the whole server. The owner has the databases and schemas, the pipeline the tables that it makes,
readers see what is published. Each may do what those after it may.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from food_inspections_dagster.catalog import OWNER, PIPELINE, PUBLISHED_LIST, READER, TABLES
from food_inspections_dagster.errors import Finding

ROLES = (OWNER, PIPELINE, READER)
#: Schemas of the application's database.
SCHEMAS = ("metadata", *sorted({entry.database_schema for entry in TABLES.values()}))
#: Those that readers see.
READABLE = (PUBLISHED_LIST.database_schema, "monitoring")
_DO_CREATE = "`food-inspections database create`"
# Not every user may make a role: a publisher who may not goes on without.
_READER = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {role}) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', {role});
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = {role}) THEN
        EXECUTE format('GRANT USAGE ON SCHEMA {schemas} TO %I', {role});
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA {schemas} TO %I', {role});
    END IF;
END $$
"""
_RELATIONS = """
    SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND c.relowner <> (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
        -- the sequence of an identity column goes with its table
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('i', 'a') AND c.relkind = 'S')
    ORDER BY 1, 2
"""
_UNUSABLE = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1
"""
_MAY_USE = "SELECT has_schema_privilege(%(schema)s, 'USAGE') AND has_schema_privilege(%(schema)s, 'CREATE')"

Connection = psycopg.Connection[Any]


def reader_grants() -> str:
    """Return the statement that gives readers what is published, in which ``{role}`` stands for their name."""
    return _READER.replace("{schemas}", sql.SQL(", ").join(map(sql.Identifier, READABLE)).as_string())


def create_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles that are not there, and give those that have one in ``passwords`` that password.

    Args:
        connection: of a user who may make roles; whoever gives it commits.
        passwords: by role. The server is sent what it keeps of them, so that they stand in no log of its.
    """
    for role in ROLES:
        name = sql.Identifier(role)
        # Under a lock: two that make it at once would collide.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('roles', 0))")
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
            kind = "NOLOGIN" if role == READER else "LOGIN"
            connection.execute(sql.SQL("CREATE ROLE {} " + kind).format(name))
        if passwords.get(role):
            kept = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, kept.decode()))
    for member, role in ((OWNER, PIPELINE), (PIPELINE, READER)):
        if connection.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", [member, role]).fetchone() != (True,):
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member)))
    # To hand over what it has made, a user has to be a member; since Postgres 16 who makes a role is none by that.
    member = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    me = connection.execute("SELECT current_user, pg_has_role(%s, %s)", [OWNER, member]).fetchone()
    if me is not None and not me[1]:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(OWNER), sql.Identifier(me[0])))


def hand_over(connection: Connection, schemas: tuple[str, ...] = SCHEMAS) -> None:
    """Make schemas and give each role its rights on them, and on all that is there already.

    Args:
        connection: to the database; whoever gives it commits.
        schemas: of the application's database by default; of Dagster's own ``public``.
    """
    owner, pipeline, reader = map(sql.Identifier, ROLES)
    database = sql.Identifier(connection.info.dbname)
    run = connection.execute
    run(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
    run(sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}").format(database, pipeline))
    for name in schemas:
        schema = sql.Identifier(name)
        if name != "public":  # which belongs to whoever owns the database
            run(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
            run(sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(schema, owner))
        run(sql.SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(schema, pipeline))
    kinds = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE"}
    rows = run(_RELATIONS, {"schemas": list(schemas), "role": PIPELINE}).fetchall()
    for schema_name, name, kind in rows:
        relation = sql.Identifier(schema_name, name)
        run(sql.SQL("ALTER " + kinds[kind] + " {} OWNER TO {}").format(relation, pipeline))
    if set(READABLE) <= set(schemas):
        run(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, reader))
        run(sql.SQL(reader_grants()).format(role=READER))
        run(
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT SELECT ON TABLES TO {}").format(
                pipeline, sql.SQL(", ").join(map(sql.Identifier, READABLE)), reader
            )
        )


def give_back(connection: Connection, schemas: tuple[str, ...] = SCHEMAS) -> None:
    """Give the rights of a database that was read from a dump, in which there are none, to the roles that there are."""
    owner = connection.execute("SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone()
    if owner == (True,):
        hand_over(connection, schemas)
    elif set(READABLE) <= set(schemas):
        there = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = ANY(%s)", [list(READABLE)])
        if there.fetchone() == (len(READABLE),):
            connection.execute(sql.SQL(reader_grants()).format(role=READER))


def missing(connection: Connection) -> Iterator[Finding]:
    """Yield what is missing of roles, schemas and rights for the user of a connection."""
    there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    for role in ROLES:
        if role not in there:
            yield Finding(f"The role {role} does not exist: {_DO_CREATE} makes it.")
    user, may_create = connection.execute(
        "SELECT current_user, has_database_privilege(current_database(), 'CREATE')"
    ).fetchone() or ("", False)
    granted = f"{_DO_CREATE} grants it to {PIPELINE}"
    if not may_create:
        yield Finding(f"The user {user} may make no schema in {connection.info.dbname}: {granted}.")
    schemas = {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace").fetchall()}
    for schema in SCHEMAS:
        if schema not in schemas:
            yield Finding(f"The schema {schema} does not exist: {_DO_CREATE} makes it.")
            continue
        if connection.execute(_MAY_USE, {"schema": schema}).fetchone() != (True,):
            yield Finding(f"The user {user} may make no table in the schema {schema}: {granted}.")
    for (table,) in connection.execute(_UNUSABLE, [list(SCHEMAS)]).fetchall():
        yield Finding(f"The table {table} belongs to somebody else than {user}: {_DO_CREATE} hands it to {PIPELINE}.")
