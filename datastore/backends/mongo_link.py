"""One MongoDB deployment as its URL names it: a single node, a replica set or, through mongos, a sharded cluster."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bson.errors import InvalidDocument
from pymongo import IndexModel, MongoClient, ReplaceOne, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    CollectionInvalid,
    ConfigurationError,
    DocumentTooLarge,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from plant.errors import Invalid, Unavailable

Document = dict[str, Any]
Documents = Collection[Document]

PATIENCE_S = 5
"""How long a server is looked for, and how long a majority of a replica set may take to confirm."""
SOCKET_S = 6
"""How long one answer may take."""
DEFAULT_DATABASE = "voltdeck"
DUPLICATE = 11000
_ZSTD = {"wiredTiger": {"configString": "block_compressor=zstd"}}
_EXISTS = 48
_ROWS_AT_ONCE = 10_000
_SHOWN = 200


def unavailable(error: PyMongoError) -> Unavailable:
    """The error as a fact: the store does not answer, and why in one line. Drivers' messages name hosts, never passwords."""
    if isinstance(error, BulkWriteError):
        details = error.details or {}
        found = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        text = found[0].get("errmsg", "") if found else "a bulk write failed"
    else:
        text = re.split(r", Timeout:|, full error:| \(configured timeouts", str(error))[0]
    return Unavailable(f"MongoDB does not answer: {' '.join(text.split())[:_SHOWN]}")


@contextmanager
def answering() -> Iterator[None]:
    """What the driver raises inside becomes Unavailable, or Invalid for a document that no server takes."""
    try:
        yield
    except (DocumentTooLarge, InvalidDocument) as error:
        raise Invalid(f"MongoDB does not take this document: {' '.join(str(error).split())[:_SHOWN]}") from error
    except PyMongoError as error:
        raise unavailable(error) from error


class Link:
    """An open deployment and one database in it.

    `durable` is the write concern of everything that is acknowledged: on disk, and on a replica set at a majority, whatever the URL says.
    `quick` waits for no disk.
    """

    def __init__(self, url: str, database: str = "") -> None:
        """`database` overrides that of the URL. Raises ValueError for a URL that makes no sense, Unavailable when nobody answers."""
        try:
            self.client: MongoClient[Document] = MongoClient(
                url,
                serverSelectionTimeoutMS=PATIENCE_S * 1000,
                connectTimeoutMS=PATIENCE_S * 1000,
                socketTimeoutMS=SOCKET_S * 1000,
                readPreference="primary",  # what was just written is read again
                retryWrites=True,
                tz_aware=True,
                appname="voltdeck",
            )
        except (InvalidURI, ConfigurationError, ValueError, TypeError):
            # the driver's text may repeat parts of the URL
            raise ValueError("the MongoDB URL makes no sense, use mongodb://user:password@host:27017/database") from None
        try:
            with answering():
                hello = self.client.admin.command("hello")
                self.replicated = "setName" in hello or hello.get("msg") == "isdbgrid"
                if self.replicated:
                    self.durable = WriteConcern("majority", wtimeout=PATIENCE_S * 1000, j=True)
                    self.quick = WriteConcern("majority", wtimeout=PATIENCE_S * 1000)
                else:
                    self.durable, self.quick = WriteConcern(1, j=True), WriteConcern(1)
                self.database: Database[Document] = (
                    self.client[database] if database else self.client.get_default_database(DEFAULT_DATABASE)
                ).with_options(write_concern=self.durable)
                self._there = set(self.database.list_collection_names())
        except BaseException:
            self.client.close()
            raise

    def __getitem__(self, name: str) -> Documents:
        """A collection to read; one that is not there is empty."""
        return self.database[name]

    def made(self, name: str) -> Documents:
        """A collection to write: made, compressed with zstd, where it is not there yet."""
        if name not in self._there:
            try:
                self.database.create_collection(name, storageEngine=_ZSTD, write_concern=self.quick)
            except CollectionInvalid:
                pass  # it is there
            except OperationFailure as error:
                if error.code != _EXISTS:  # hosted servers may not let a client choose: theirs will do
                    self.database.create_collection(name, write_concern=self.quick)
            self._there.add(name)
        return self.database[name]

    def index(self, name: str, indexes: Sequence[IndexModel]) -> None:
        """Make these indexes of a collection where they are not there yet."""
        self.made(name).with_options(write_concern=self.quick).create_indexes(list(indexes))

    def close(self) -> None:
        """Release the connections; idempotent."""
        self.client.close()


def add_missing(collection: Documents, documents: Sequence[Document]) -> list[int]:
    """Insert those whose key is not there yet; the places of the others, ascending."""
    if not documents:
        return []
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        details = error.details or {}
        failed = details.get("writeErrors", [])
        if details.get("writeConcernErrors") or any(one["code"] != DUPLICATE for one in failed):
            raise
        return sorted(one["index"] for one in failed)
    return []


def add_rows(link: Link, collection: Documents, rows: Sequence[Document]) -> list[int]:
    """As `add_missing`, for many small documents: the bare command, which spares the driver 1 µs a row of checks and copies. It knows no
    retry, so a replica set, where the driver repeats a write safely, takes the other road."""
    if link.replicated:
        return add_missing(collection, rows)
    there: list[int] = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        concern = collection.write_concern.document
        told = link.database.command({"insert": collection.name, "documents": some, "ordered": False, "writeConcern": concern})
        failed = told.get("writeErrors", [])
        if told.get("writeConcernError") or any(one["code"] != DUPLICATE for one in failed):
            raise BulkWriteError(told | {"writeConcernErrors": [told["writeConcernError"]] if "writeConcernError" in told else []})
        there += sorted(start + one["index"] for one in failed)
    return there


def put(collection: Documents, documents: Sequence[Document]) -> None:
    """Insert or replace by `_id`."""
    there = add_missing(collection, documents)
    if there:
        collection.bulk_write([ReplaceOne({"_id": documents[i]["_id"]}, documents[i], upsert=True) for i in there], ordered=True)
