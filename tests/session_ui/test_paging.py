from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries

from session_ui.paging import LeanPaginator

pytestmark = pytest.mark.django_db


@pytest.fixture
def users() -> QuerySet[Any]:
    model = get_user_model()
    model.objects.bulk_create(model(username=f"{number:02}") for number in range(7))
    return model.objects.order_by("username")


def names(paginator: LeanPaginator, number: int | str) -> list[str]:
    return [user.username for user in paginator.page(number)]


@pytest.mark.parametrize(
    ("size", "number", "shown", "statements"),
    [
        (7, 1, range(7), 1),
        (9, 1, range(7), 1),
        (3, 1, range(3), 2),
        (3, 3, [6], 1),
    ],
)
def test_a_count_is_asked_only_where_the_rows_leave_a_doubt(
    users: QuerySet[Any],
    django_assert_num_queries: DjangoAssertNumQueries,
    size: int,
    number: int,
    shown: Any,
    statements: int,
) -> None:
    paginator = LeanPaginator(users, size)

    with django_assert_num_queries(statements):
        assert names(paginator, number) == [f"{number:02}" for number in shown]
        assert paginator.count == 7


@pytest.mark.parametrize("number", ["4", "99", "9" * 30, "1" + "0" * 4999])
def test_past_the_last_page_is_the_last_page(users: QuerySet[Any], number: str) -> None:
    page = LeanPaginator(users, 3).page(number)

    expected = 1 if len(number) > 4300 else 3
    assert page.number == expected


@pytest.mark.parametrize("number", ["", "x", "-3", "0", "1.5"])
def test_nonsense_is_the_first_page(users: QuerySet[Any], number: str) -> None:
    assert LeanPaginator(users, 3).page(number).number == 1


def test_no_rows_are_one_empty_page(users: QuerySet[Any]) -> None:
    paginator = LeanPaginator(users.none(), 3)

    assert names(paginator, 5) == []
    assert (paginator.count, paginator.num_pages) == (0, 1)


def test_rows_that_go_in_between_leave_the_page_before(users: QuerySet[Any]) -> None:
    paginator = LeanPaginator(users, 3)
    assert paginator.page(1).paginator.num_pages == 3
    users.filter(username__gte="05").delete()

    assert paginator.page(3).number == 2
    assert paginator.count == 5
