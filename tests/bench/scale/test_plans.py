from __future__ import annotations

from tests.bench.scale.plans import Plan, shortened, without_planning

PLAN = """\
Limit (actual time=0.019..2.830 rows=500 loops=1)
  ->  Index Scan using session_pkey on session (actual time=0.018..2.801 rows=500 loops=1)
        ->  Bitmap Index Scan on session_expire_date (actual time=0.217..0.217 rows=1 loops=1)
Planning:
  Buffers: shared hit=167
Planning Time: 0.2 ms
Execution Time: 2.857 ms"""


def test_a_plan_names_its_indexes() -> None:
    assert Plan("", PLAN).indexes == {"session_pkey", "session_expire_date"}


def test_the_planning_is_left_out() -> None:
    kept = without_planning(PLAN.splitlines())
    assert kept == [*PLAN.splitlines()[:3], "Execution Time: 2.857 ms"]


def test_a_statement_shows_neither_its_columns_nor_every_parameter() -> None:
    sql = 'SELECT "session"."key", "session"."data" FROM "session" WHERE "key" IN (%s, %s, %s, %s)'
    assert shortened(sql) == "SELECT ... FROM session WHERE key IN (%s, ...)"
