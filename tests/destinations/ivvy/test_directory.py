"""Finding contacts by address and by external id."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import mapping_file as mf
from pipeline.destinations.interface import Kind, Reply, Verdict
from pipeline.destinations.ivvy.adapter import Ivvy, build
from pipeline.destinations.ivvy.directory import Directory
from pipeline.errors import Unreachable
from pipeline.session import connect
from tests.delivery.world import FAST

from .bench import contact, mapping, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.destinations.ivvy.calls import Calls

    from .bench import Account


@contextmanager
def asking(account: Account, **options: Any) -> Iterator[Calls]:
    """Calls to the sandbox."""
    known = {name: value for name, value in account.sandbox.environment.items() if name.startswith("IVVY")}
    credentials = {"api_key": known["IVVY_API_KEY"], "api_secret": known["IVVY_API_SECRET"]}
    adapter: Ivvy = build(known["IVVY_URL"], credentials, {"poll_seconds": 0.001, **options})
    delivery = mf.Mapping.model_validate(mapping()).delivery
    with connect(adapter, delivery, threading.Event(), FAST) as session:
        yield adapter._calls(session.sender([]))


def found(directory: Directory, calls: Calls, *emails: str) -> dict[str, list[int]]:
    """Address -> ids."""
    return {key: [c.id for c in of] for key, of in directory.find("email", emails, calls).items()}


@pytest.mark.parametrize("bulk", ["never", "always"])
def test_contacts_are_found_by_address_without_case(account: Account, bulk: str) -> None:
    """All contacts of an address, by ascending id; who is not there is absent."""
    account.seed(contact(2), contact(1, email="ANN2@example.com"), contact(3))
    with asking(account, bulk=bulk) as calls:
        assert found(Directory(), calls, " Ann2@Example.com ", "nobody@example.com", "") == {"ann2@example.com": [1, 2]}


def test_an_external_id_is_compared_as_it_is(account: Account) -> None:
    """Ids that differ in case are different ones."""
    account.seed(contact(1, externalId="A-1"), contact(2, externalId="a-1"))
    with asking(account) as calls:
        hits = Directory().find("externalId", ["A-1"], calls)
    assert {key: [c.id for c in of] for key, of in hits.items()} == {"A-1": [1]}


def test_more_hits_than_a_page_holds_are_all_read(account: Account) -> None:
    """The vendor cuts pages as it likes."""
    account.seed(*(contact(number, email="all@example.com") for number in range(1, 8)), per_page_cap=3)
    with asking(account) as calls:
        assert found(Directory(), calls, "all@example.com") == {"all@example.com": [1, 2, 3, 4, 5, 6, 7]}


@pytest.mark.parametrize("unknown_filter", ["reject", "ignore"])
@pytest.mark.parametrize("bulk", ["never", "always"])
def test_a_filter_that_does_not_work_is_done_without(account: Account, unknown_filter: str, bulk: str) -> None:
    """Refused or passed over: the list is read as a whole, and the answer is the same."""
    people = [contact(number) for number in range(1, 250)]
    account.seed(*people, filters="documented", unknown_filter=unknown_filter)
    directory = Directory()
    with asking(account, bulk=bulk) as calls:
        assert found(directory, calls, "ann7@example.com", "x@example.com") == {"ann7@example.com": [7]}
        assert directory.scans
        before = len(account.sandbox.requests("ivvy"))
        assert found(directory, calls, "ann249@example.com") == {"ann249@example.com": [249]}
    pages = [e for e in account.sandbox.requests("ivvy")[before:] if e.operation == "getContactList"]
    assert len(pages) <= 3


def test_what_changed_since_the_list_was_read_is_seen(account: Account) -> None:
    """Only what was modified since is read again: a new contact, and a new address of a known one."""
    old = "2025-06-01 00:00:00 UTC"
    account.seed(*(contact(number, modifiedDate=old) for number in range(1, 350)))
    directory = Directory(scans=True)
    with asking(account) as calls:
        assert found(directory, calls, "ann5@example.com") == {"ann5@example.com": [5]}
        later: dict[str, Any] = {"modifiedDate": "2026-06-01 00:00:00 UTC"}
        account.sandbox.load(
            {"ivvy": {"contacts": [contact(5, email="new@example.com", **later), contact(999, **later)]}}
        )
        account.sandbox.clear_requests()
        assert found(directory, calls, "ann5@example.com", "new@example.com", "ann999@example.com") == {
            "new@example.com": [5],
            "ann999@example.com": [999],
        }
    assert len(account.sandbox.requests("ivvy")) <= 4


class Pages:
    """Calls that answer with pages of three contacts, without saying how many there are."""

    def one(self, _: str, params: dict[str, Any], *, repeatable: bool) -> Reply:
        """The page at `start`."""
        assert repeatable
        page = [contact(n, email="all@example.com") for n in range(1, 9)][params["start"] : params["start"] + 3]
        return Reply(Verdict(Kind.OK), {"meta": {"start": params["start"]}, "results": page})

    def many(self, action: str, params: list[dict[str, Any]], *, repeatable: bool) -> list[Reply]:
        """One by one."""
        return [self.one(action, each, repeatable=repeatable) for each in params]


@pytest.mark.parametrize("scans", [True, False])
def test_a_list_that_does_not_say_how_long_it_is_is_read_to_its_end(scans: bool) -> None:
    """The keys of `meta` may be missing: there is more until a page is empty."""
    calls: Any = Pages()
    assert found(Directory(scans=scans), calls, "all@example.com") == {"all@example.com": [*range(1, 9)]}


def test_an_answer_without_the_list_is_not_an_empty_one(account: Account) -> None:
    """Who is not seen might be opted out: nothing is sent."""
    account.seed(contact(1, 2), resubscribe="allow")
    account.sandbox.faults([{"fault": "answer", "operation": "getContactList", "status": 200, "body": {"meta": {}}}])
    with pytest.raises(Unreachable, match="getContactList"):
        account.sync(row(1))
    assert account.statuses() == {1: 2}


def test_statuses_that_the_list_does_not_show_are_read(account: Account) -> None:
    """The list of contacts is not documented to have them; who is gone in between is absent."""
    from pipeline.destinations.ivvy.directory import read

    account.seed(contact(1, 2), contact(2, 3))
    with asking(account) as calls:
        assert {number: c.status for number, c in read([1, 2, 77], calls).items()} == {1: 2, 2: 3}
