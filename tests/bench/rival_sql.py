"""The best plain SQL we could write for the same figures: from rows in PostgreSQL to rows in PostgreSQL.

Tried, for each step, and kept the fastest (CPU seconds of 200,000 sessions or legs):

    counting      edges +1 and -1 and a running sum 0.6; a row a sample (generate_series) 35; a row a minute 1.1
    sorting edges one number of customer, day and minute 0.2; three columns 0.45
    overlaps      a piece begins where earlier ones end: one window, and no second grouping into islands
    presence      only samples that two pieces share are added up 0.3; every first and last sample 0.65
    runs          range_agg 0.4; flags and a running count of them 1.3
    profiles      the changes as two arrays 0.4 (as the product keeps them); bytes by repeat() and decode() 1.3;
                  smallint[] by way of text 1.9; array_agg of every minute 10
    both cores    two connections with half of the customers each; windows are never parallel in one
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time
from typing import Any

import psycopg

from apps.core.domain.periods import ONE_DAY, Period
from tests.bench.rivals import halves

PROCESSES = 2

# Sessions and legs cut to the cycle. Times are microseconds since 45 minutes before it, minutes since its start.

PIECES = """
CREATE TEMPORARY TABLE piece ON COMMIT DROP AS
SELECT customer_id, dense_rank() OVER agent::int AS agent, premium, start, ended,
       max(ended) OVER earlier AS reached, lead(start) OVER earlier AS next_start
FROM (
    SELECT customer_id, actor, premium,
           (greatest(date_part('epoch', started_at) - origin, 0) * 1000000)::bigint AS start,
           (least(date_part('epoch', coalesce(ended_at, started_at + INTERVAL '24 hours')) - origin, length) * 1000000)
               ::bigint AS ended
    FROM usage_interval,
         (SELECT date_part('epoch', %(begin)s::timestamptz) - 2700 AS origin,
                 date_part('epoch', %(end)s::timestamptz) - date_part('epoch', %(begin)s::timestamptz) + 2700 AS length)
    WHERE kind = 1 AND customer_id BETWEEN %(low)s AND %(high)s
      AND started_at >= %(begin)s - INTERVAL '32 days' AND started_at < %(end)s
      AND (started_at >= %(begin)s - INTERVAL '45 minutes'
           OR coalesce(ended_at, started_at + INTERVAL '24 hours') > %(begin)s - INTERVAL '45 minutes')
) AS session
WINDOW agent AS (ORDER BY customer_id, actor),
       earlier AS (PARTITION BY customer_id, actor ORDER BY start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
"""

# R2. A piece's own samples are a range but for its first and last, which it may share with other pieces of the agent.
COUNTED = """
CREATE TEMPORARY TABLE counted ON COMMIT DROP AS
WITH cut AS (
    SELECT customer_id, agent, greatest(start, reached) AS start, ended, (reached - 1) / 900000000 AS reached_sample,
           next_start / 900000000 AS next_sample
    FROM piece WHERE ended > greatest(start, reached)
), edge AS (
    SELECT *, (start / 900000000)::int AS first, ((ended - 1) / 900000000)::int AS last FROM cut
), flagged AS (
    SELECT *, coalesce(reached_sample = first, false) OR first = last AND coalesce(next_sample <= last, false)
                  AS shares_first,
              coalesce(next_sample <= last, false) OR first = last AND coalesce(reached_sample = first, false)
                  AS shares_last
    FROM edge
), part AS (
    SELECT customer_id, agent,
           first + (shares_first OR least(ended, (first + 1) * 900000000::bigint) - start < 60000000)::int AS first,
           last - (shares_last OR first < last AND ended - last * 900000000::bigint < 60000000)::int AS last
    FROM flagged
    UNION ALL
    SELECT customer_id, agent, sample, sample
    FROM (
        SELECT customer_id, agent, first AS sample, least(ended, (first + 1) * 900000000::bigint) - start AS time
        FROM flagged WHERE shares_first
        UNION ALL
        SELECT customer_id, agent, last, ended - last * 900000000::bigint
        FROM flagged WHERE shares_last AND last > first
    ) AS shared
    GROUP BY customer_id, agent, sample HAVING sum(time) >= 60000000
), present AS (
    SELECT customer_id, agent, unnest(range_agg(int4range(first, last + 1))) AS run
    FROM part WHERE last >= first GROUP BY customer_id, agent
)
SELECT customer_id, agent, lower(run) + 3 AS first, upper(run) - 1 AS last
FROM present WHERE upper(run) - lower(run) > 3
"""

PREMIUM = """
CREATE TEMPORARY TABLE as_premium ON COMMIT DROP AS
WITH touched AS (
    SELECT agent, unnest(range_agg(int4range(
               (start / 900000000)::int, (greatest(start, ended - 1) / 900000000)::int + 4))) AS run
    FROM piece WHERE premium GROUP BY agent
)
SELECT customer_id, greatest(first, lower(run)) AS first, least(last, upper(run) - 1) AS last
FROM touched JOIN counted USING (agent) WHERE lower(run) <= last AND first < upper(run)
"""

# All customers' days on one axis, for each customer a day more than there are: the first half Premium, then Standard.
AGENT_DAYS = """
INSERT INTO rival_sql.day_profile (customer_id, day, usage_type, peak, slots, counts)
WITH axis AS (
    SELECT %(days)s + 1 AS days, (%(days)s + 1) * 96::bigint AS length
), edge AS (
    SELECT customer_id * 2 * length + first - 3 AS at, 1 AS change FROM as_premium, axis
    UNION ALL SELECT customer_id * 2 * length + last - 2, -1 FROM as_premium, axis
    UNION ALL SELECT (customer_id * 2 + 1) * length + first - 3, -1 FROM as_premium, axis
    UNION ALL SELECT (customer_id * 2 + 1) * length + last - 2, 1 FROM as_premium, axis
    UNION ALL SELECT (customer_id * 2 + 1) * length + first - 3, 1 FROM counted, axis
    UNION ALL SELECT (customer_id * 2 + 1) * length + last - 2, -1 FROM counted, axis
    UNION ALL SELECT (row * days + day) * 96, 0
              FROM axis, generate_series(%(low)s * 2, %(high)s * 2 + 1) AS row, generate_series(0, days - 1) AS day
), run AS (
    SELECT at, sum(change) OVER along AS used, lead(at, 1, at) OVER along - at AS samples
    FROM edge WINDOW along AS (ORDER BY at ROWS UNBOUNDED PRECEDING)
), day AS (
    SELECT at / 96 AS number, max(used)::int AS peak,
           array_agg((at %% 96)::smallint ORDER BY at) AS slots, array_agg(used::int ORDER BY at) AS counts
    FROM run WHERE samples > 0 GROUP BY at / 96 HAVING max(used) > 0
)
SELECT number / days / 2, %(first)s::date + (number %% days)::int,
       CASE number / days %% 2 WHEN 0 THEN 'premium-concurrent' ELSE 'standard-concurrent' END, peak, slots, counts
FROM day, axis
"""

# R8. Of a contact's legs each counts only the minutes after those that an earlier one reached.
LEGS = """
CREATE TEMPORARY TABLE touched ON COMMIT DROP AS
SELECT customer_id, greatest(first, reached + 1) AS first, last
FROM (
    SELECT customer_id, first, last,
           max(last) OVER (PARTITION BY customer_id, actor ORDER BY first
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM (
        SELECT customer_id, actor,
               greatest(floor((date_part('epoch', started_at) - origin) / 60), 0)::int AS first,
               least(floor((date_part('epoch', greatest(started_at, coalesce(ended_at, started_at + INTERVAL '24 hours')
                   - INTERVAL '1 microsecond')) - origin) / 60), %(days)s * 1440 - 1)::int AS last
        FROM usage_interval, (SELECT date_part('epoch', %(begin)s::timestamptz) AS origin)
        WHERE kind = 3 AND customer_id BETWEEN %(low)s AND %(high)s
          AND started_at >= %(begin)s - INTERVAL '31 days' AND started_at < %(end)s
          AND (started_at >= %(begin)s OR coalesce(ended_at, started_at + INTERVAL '24 hours') > %(begin)s)
    ) AS leg
) AS leg
WHERE last > coalesce(reached, -1)
"""

IVR_DAYS = """
INSERT INTO rival_sql.day_profile (customer_id, day, usage_type, peak, slots, counts)
WITH axis AS (
    SELECT %(days)s + 1 AS days, (%(days)s + 1) * 1440::bigint AS length
), edge AS (
    SELECT customer_id * length + first AS at, 1 AS change FROM touched, axis
    UNION ALL SELECT customer_id * length + last + 1, -1 FROM touched, axis
    UNION ALL SELECT customer_id * length + day * 1440, 0
              FROM axis, generate_series(%(low)s, %(high)s) AS customer_id, generate_series(0, days - 1) AS day
), run AS (
    SELECT at, sum(change) OVER along AS used, lead(at, 1, at) OVER along - at AS minutes
    FROM edge WINDOW along AS (ORDER BY at ROWS UNBOUNDED PRECEDING)
), day AS (
    SELECT at / 1440 AS number, max(used)::int AS peak,
           array_agg((at %% 1440)::smallint ORDER BY at) AS slots, array_agg(used::int ORDER BY at) AS counts
    FROM run WHERE minutes > 0 GROUP BY at / 1440 HAVING max(used) > 0
)
SELECT number / days, %(first)s::date + (number %% days)::int, 'ivr-port', peak, slots, counts FROM day, axis
"""

# R4, R5, R8, R10.
DETAIL = """
CREATE TEMPORARY TABLE detail ON COMMIT DROP AS
WITH committed AS (
    SELECT held.customer_id, day::date AS day,
           coalesce(sum(quantity) FILTER (WHERE sku.usage_type = 'premium-concurrent'), 0)::int AS premium_committed,
           coalesce(sum(quantity) FILTER (WHERE sku.usage_type = 'standard-concurrent'), 0)::int AS standard_committed,
           coalesce(sum(quantity) FILTER (WHERE sku.usage_type = 'ivr-port'), 0)::int AS additional
    FROM generate_series(%(first)s::date, %(last)s::date, INTERVAL '1 day') AS day
    JOIN subscriptions_subscription AS held ON day >= held.starts_on AND day <= coalesce(held.ends_on, 'infinity')
    LEFT JOIN (subscriptions_subscriptionline AS line JOIN catalogue_sku AS sku
               ON sku.id = line.sku_id AND sku.kind = 'committed')
        ON line.subscription_id = held.id AND line.withdrawn_at IS NULL
       AND day >= coalesce(line.valid_from, '-infinity') AND day <= coalesce(line.valid_to, 'infinity')
    WHERE held.customer_id BETWEEN %(low)s AND %(high)s
    GROUP BY held.customer_id, day
), used AS (
    SELECT committed.*, coalesce(premium.peak, 0) AS premium, coalesce(standard.peak, 0) AS standard,
           coalesce(ports.peak, 0) AS ports
    FROM committed
    LEFT JOIN rival_sql.day_profile AS premium ON premium.customer_id = committed.customer_id
        AND premium.day = committed.day AND premium.usage_type = 'premium-concurrent'
    LEFT JOIN rival_sql.day_profile AS standard ON standard.customer_id = committed.customer_id
        AND standard.day = committed.day AND standard.usage_type = 'standard-concurrent'
    LEFT JOIN rival_sql.day_profile AS ports ON ports.customer_id = committed.customer_id
        AND ports.day = committed.day AND ports.usage_type = 'ivr-port'
), covered AS (
    SELECT *, least(greatest(0, standard - standard_committed), greatest(0, premium_committed - premium)) AS substituted
    FROM used
), over AS (
    SELECT *, greatest(0, premium - premium_committed) AS premium_overage,
           greatest(0, standard - standard_committed - substituted) AS standard_overage
    FROM covered
)
SELECT *, 2 * (premium_committed + standard_committed + premium_overage + standard_overage) + additional
           AS ports_committed
FROM over
"""

# R7.
FIGURES = """
INSERT INTO rival_sql.day_figure (customer_id, day, usage_type, used, committed, substituted, overage, is_overage_peak)
WITH ranked AS (
    SELECT *, greatest(0, ports - ports_committed) AS ports_overage,
           row_number() OVER (PARTITION BY customer_id ORDER BY premium_overage + standard_overage DESC, day) = 1
               AS agents_peak,
           row_number() OVER (PARTITION BY customer_id ORDER BY greatest(0, ports - ports_committed) DESC, day) = 1
               AS ports_peak
    FROM detail
)
SELECT customer_id, day, row.* FROM ranked, LATERAL (VALUES
    ('premium-concurrent', premium, premium_committed, 0, premium_overage, agents_peak AND premium_overage > 0),
    ('standard-concurrent', standard, standard_committed, substituted, standard_overage,
     agents_peak AND premium_overage = 0 AND standard_overage > 0),
    ('ivr-port', ports, ports_committed, 0, ports_overage, ports_peak AND ports_overage > 0)
) AS row
"""

# R6, R8.
BILLED = """
INSERT INTO rival_sql.billed_quantity (customer_id, usage_type, quantity, day)
WITH agents AS (
    SELECT *, max(premium_overage) OVER customer AS premium_billed,
           max(standard_overage) OVER customer AS standard_billed
    FROM detail WINDOW customer AS (PARTITION BY customer_id)
), of_day AS (
    SELECT customer_id, day, row.* FROM agents, LATERAL (VALUES
        ('premium-concurrent', premium_overage),
        ('standard-concurrent', standard_overage),
        ('ivr-port', greatest(0, ports - additional
            - 2 * (premium_committed + standard_committed + premium_billed + standard_billed)))
    ) AS row (usage_type, quantity)
)
SELECT DISTINCT ON (customer_id, usage_type) customer_id, usage_type, quantity, CASE WHEN quantity > 0 THEN day END
FROM of_day ORDER BY customer_id, usage_type, quantity DESC, day
"""

STATEMENTS = (
    PIECES,
    COUNTED,
    "ANALYZE counted",
    PREMIUM,
    AGENT_DAYS,
    LEGS,
    IVR_DAYS,
    DETAIL,
    "ANALYZE detail",
    FIGURES,
    BILLED,
)
SETTINGS = "SET LOCAL work_mem = '256MB'; SET LOCAL max_parallel_workers_per_gather = 0"


def reconcile(address: str, customers: Sequence[int], cycle: Period) -> None:
    """Figures of ``customers`` (ids without a gap) for a cycle they all have, into the tables of ``rival_sql``."""
    with ThreadPoolExecutor(PROCESSES) as connections:
        for done in [connections.submit(_reconcile_part, address, part, cycle) for part in halves(customers)]:
            done.result()


def _reconcile_part(address: str, customers: Sequence[int], cycle: Period) -> None:
    values: dict[str, Any] = {
        "low": customers[0],
        "high": customers[-1],
        "first": cycle.first,
        "last": cycle.last,
        "begin": datetime.combine(cycle.first, time(), UTC),
        "end": datetime.combine(cycle.last + ONE_DAY, time(), UTC),
        "days": cycle.days,
    }
    with psycopg.connect(address, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(SETTINGS)
        for statement in STATEMENTS:
            connection.execute(statement, values)
