"""MariaDB and MySQL, by PyMySQL.

Numbers come back bit for bit, but for one: the server keeps no sign of zero, so -0.0 comes back as 0.0.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
import pymysql
from pymysql.constants import ER
from sqlalchemy.engine import URL

from datastore.backends.sql_session import Bound, Grammar, Row, batches, places, quoted, window_by_device
from datastore.backends.sql_tables import readings
from datastore.kept.packing import Packed

Connection = Any
"""Of PyMySQL, which has no types."""

CONNECT_S, TURN_S, READ_S = 5, 15, 30
"""How long a server may take to answer the door, a writer to get its turn, a question to be answered."""
SILENT_S, _MARGIN_S = 20, 5
"""How long a server may say nothing to a writer; longer than one waits for the turn."""
_MODE = "ANSI_QUOTES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
_PACKET = 1 << 20
"""About the longest statement that carries many rows."""
_KEYS_A_STATEMENT = 200
_ENCRYPTION = ("ssl_ca", "ssl_cert", "ssl_key")


@lru_cache
def grammar(collation: str) -> Grammar:
    """`collation` compares byte by byte and minds spaces at the end."""
    words = f"CHARACTER SET utf8mb4 COLLATE {collation}"
    return Grammar(
        integer="BIGINT",
        real="DOUBLE",
        blob="LONGBLOB",
        text=f"LONGTEXT {words}",
        name=f"VARCHAR(191) {words}",
        serial="BIGINT NOT NULL AUTO_INCREMENT UNIQUE",
        own_key="PRIMARY KEY",
        device_first=True,
        keyed=" ENGINE=InnoDB",
        plain=" ENGINE=InnoDB",
        index_inside=True,
    )


class MysqlSession:
    """A connection within a transaction. Values are written into the statement, as this driver would do it, only faster."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        mariadb = "MariaDB" in connection.get_server_info()
        self.grammar = grammar("utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin")

    def rows(self, sql: str, bound: Bound = ()) -> list[Row]:
        with self._connection.cursor() as cursor:
            cursor.execute(self._said(sql, bound))
            return list(cursor.fetchall())

    def run(self, sql: str, bound: Bound = ()) -> int:
        return self._run(self._said(sql, bound))

    def _run(self, statement: str) -> int:
        with self._connection.cursor() as cursor:
            return int(cursor.execute(statement))

    def _said(self, sql: str, bound: Bound) -> str:
        first, *rest = _pieces(sql)
        return first + "".join([self._literal(value) + piece for value, piece in zip(bound, rest, strict=True)])

    def _literal(self, value: Any) -> str:
        if isinstance(value, bytes):
            return f"X'{value.hex()}'"
        if isinstance(value, str):
            return str(self._connection.escape(value))
        if value is None:
            return "NULL"
        return repr(float(value)) if isinstance(value, float) else str(int(value))

    def among(self, column: str, values: Sequence[int]) -> tuple[str, Bound]:
        return f"{column} IN ({places(len(values))})", values

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str]) -> int:
        # INSERT IGNORE would let other faults pass, too; a row that is set to what it was does not count
        return self._insert(table, columns, rows, f' ON DUPLICATE KEY UPDATE "{key[0]}" = "{key[0]}"')

    def put(self, table: str, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str]) -> None:
        setters = ", ".join(f'"{name}" = VALUES("{name}")' for name in columns if name not in key)
        self._insert(table, columns, rows, f" ON DUPLICATE KEY UPDATE {setters}")

    def append(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self._insert(table, columns, rows)

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Row], tail: str = "") -> int:
        head = f"INSERT INTO {table} ({quoted(columns)}) VALUES "
        texts = (f"({','.join(map(self._literal, row))})" for row in rows)
        return sum(self._run(head + some + tail) for some in _joined(texts))

    def delete(self, table: str, key: Sequence[str], rows: Sequence[Row]) -> None:
        one = "(" + " AND ".join(f'"{name}" = ?' for name in key) + ")"
        for some in batches(rows, _KEYS_A_STATEMENT):
            self.run(f"DELETE FROM {table} WHERE {' OR '.join([one] * len(some))}", [value for row in some for value in row])

    def insert_new(self, kind: str, scalars: Sequence[str], rows: Sequence[Row], packing: Packed | None = None) -> list[int]:
        """Plainly; a batch in which some row is known is undone by the server and then sent without those."""
        head = f"INSERT INTO {readings(kind)} ({quoted(('device', 'ts', 'received', 'quality', *scalars))}) VALUES "
        size = max(_PACKET // (20 * (4 + len(scalars))), 1)
        return [place for start in range(0, len(rows), size) for place in self._insert_batch(kind, head, start, rows[start : start + size])]

    def _insert_batch(self, kind: str, head: str, start: int, rows: Sequence[Row]) -> list[int]:
        try:
            self._run(head + _numbers(rows))
        except pymysql.err.IntegrityError as fault:
            if fault.args[0] != ER.DUP_ENTRY:
                raise
        else:
            return []
        taken = self._known(kind, rows)
        known, fresh = [], []
        for place, row in enumerate(rows, start):
            if row[:2] in taken:
                known.append(place)
            else:
                taken.add(row[:2])
                fresh.append(row)
        if fresh:
            self._run(head + _numbers(fresh))
        return known

    def _known(self, kind: str, rows: Sequence[Row]) -> set[Row]:
        """The (device, ts) that are there already."""
        found: set[Row] = set()
        keys = sorted(row[:2] for row in rows)
        for device, mine in groupby(keys, itemgetter(0)):
            times = [ts for _, ts in mine]
            among, bound = self.among("ts", times)
            found.update(self.rows(f"SELECT device, ts FROM {readings(kind)} WHERE device = ? AND {among}", (device, *bound)))
        return found

    def window(
        self, table: str, columns: str, devices: Sequence[int] | None, start: int, end: int, also: str = "", bound: Bound = ()
    ) -> list[Row]:
        return window_by_device(self, table, columns, devices, start, end, also, bound)

    def count_write(self, owner: int) -> list[Row]:
        self.run("INSERT INTO telemetry_state VALUES ('writes', ?, 1) ON DUPLICATE KEY UPDATE value = value + 1", (owner,))
        return self.rows("SELECT name, owner, value FROM telemetry_state")

    def take_time(self) -> None:
        _limit(self._connection, None)

    def columns(self) -> list[Row]:
        return self.rows("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()")

    def made(self, table: str) -> None:
        pass

    def sizes(self) -> list[tuple[str, int, int]]:
        """As the server last estimated."""
        return [
            (table, int(size or 0), int(rows or 0))
            for table, size, rows in self.rows(
                "SELECT table_name, data_length + index_length, table_rows FROM information_schema.tables "
                "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
            )
        ]

    def faults(self) -> list[str]:
        """What CHECK TABLE says of each table that is not sound."""
        tables = [table for table, _, _ in self.sizes()]
        checked = self.rows(f"CHECK TABLE {quoted(tables)}") if tables else []
        return [f"{table}: {text}" for table, _, _, text in checked if text != "OK"]


class MysqlServer:
    """`Server` by PyMySQL."""

    faults: tuple[type[Exception], ...] = (pymysql.err.MySQLError,)

    def __init__(self, address: URL) -> None:
        host, port, name = address.host or "localhost", address.port or 3306, address.database or ""
        if not name:
            raise ValueError("the address of the store names no database: mysql://user@host/name")
        self.name = f"mysql://{host}:{port}/{name}"
        query = {key: value for key, value in address.query.items() if isinstance(value, str)}
        self._how: dict[str, Any] = {
            "host": host,
            "port": port,
            "user": address.username,
            "password": address.password or "",
            "database": name,
        }
        self._how |= {key: query[key] for key in ("unix_socket", *_ENCRYPTION) if key in query}
        turn = f"voltdeck {name}"
        self._turn = turn if len(turn) <= 60 else f"voltdeck {hashlib.sha256(name.encode()).hexdigest()[:40]}"

    def connect(self, reads: bool) -> Connection:
        connection = pymysql.connect(
            **self._how, charset="utf8mb4", autocommit=reads, connect_timeout=CONNECT_S, read_timeout=CONNECT_S, write_timeout=SILENT_S
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION sql_mode = '{_MODE}', innodb_lock_wait_timeout = {TURN_S}")
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection._read_timeout = SILENT_S  # a greeting comes at once or never, an answer may take its time
        if reads:
            _limit(connection, READ_S)
        return connection

    def begin_read(self, connection: Connection) -> MysqlSession:
        if connection._read_timeout is None:  # the last one took its time
            _limit(connection, READ_S)
        with connection.cursor() as cursor:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        return MysqlSession(connection)

    def begin_write(self, connection: Connection, durable: bool) -> MysqlSession:
        """The transaction begins with the first look at a table, after the turn has come. How durable it is, the server decides."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, %s)", (self._turn, TURN_S))
            ((got,),) = cursor.fetchall()
        if got != 1:
            raise pymysql.err.OperationalError(ER.LOCK_WAIT_TIMEOUT, f"another process has been writing for {TURN_S} s")
        return MysqlSession(connection)

    def commit(self, connection: Connection) -> None:
        connection.commit()
        self._give_turn_back(connection)

    def rollback(self, connection: Connection) -> None:
        connection.rollback()
        self._give_turn_back(connection)

    def _give_turn_back(self, connection: Connection) -> None:
        if connection.get_autocommit():  # a reader
            return
        with connection.cursor() as cursor:
            cursor.execute("DO RELEASE_LOCK(%s)", (self._turn,))

    def is_down(self, fault: Exception) -> bool:
        missing = isinstance(fault, pymysql.err.ProgrammingError) and fault.args[0] in (ER.NO_SUCH_TABLE, ER.BAD_DB_ERROR)
        return missing or isinstance(fault, pymysql.err.OperationalError | pymysql.err.InterfaceError | pymysql.err.InternalError)


def _limit(connection: Connection, seconds: int | None) -> None:
    """How long a question may take. The server ends it, so that the connection lives on; a silent server is given up later."""
    connection._read_timeout = None if seconds is None else seconds + _MARGIN_S
    mariadb = "MariaDB" in connection.get_server_info()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET SESSION max_statement_time = {seconds or 0}" if mariadb else f"SET SESSION max_execution_time = {(seconds or 0) * 1000}"
        )


@lru_cache(1024)
def _pieces(sql: str) -> list[str]:
    return sql.split("?")


def _numbers(rows: Sequence[Row]) -> str:
    """Rows of int, float and None as SQL; but for its brackets JSON writes them as SQL reads them."""
    text = orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return text[1:-1].replace("[", "(").replace("]", ")")


def _joined(texts: Iterator[str]) -> Iterator[str]:
    """Rows as SQL, as many together as one statement may carry."""
    some: list[str] = []
    length = 0
    for text in texts:
        if some and length + len(text) > _PACKET:
            yield ",".join(some)
            some, length = [], 0
        some.append(text)
        length += len(text)
    if some:
        yield ",".join(some)
