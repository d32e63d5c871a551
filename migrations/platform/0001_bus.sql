-- The tables that the event bus and the HTTP server keep in every module's
-- schema. "{{schema}}" is replaced by the module's name.

-- +goose Up

-- Events that are committed and not yet relayed. Rows are deleted when they
-- have been moved to event_log, so the table stays small; it is vacuumed by
-- count, because a share of "small" would be reached all the time.
create table {{schema}}.outbox (
    id          bigint generated always as identity primary key,
    partition   smallint    not null check (partition between 0 and 15),
    event_id    uuid        not null unique,
    event_type  text        not null,
    event_key   uuid        not null,
    occurred_at timestamptz not null,
    headers     jsonb       not null,
    payload     jsonb       not null
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 50000
);
create index outbox_partition_id on {{schema}}.outbox (partition, id);

-- What has been relayed, in the order in which it was, for consumers and for
-- replays. One table a month, so that retention drops tables instead of rows,
-- and no finer, because a read by sequence merges over all of them.
-- maintain_event_log makes the months; the default partition takes what falls
-- into a month that nobody has made.
create table {{schema}}.event_log (
    partition   smallint    not null,
    seq         bigint      not null,
    event_id    uuid        not null,
    event_type  text        not null,
    event_key   uuid        not null,
    occurred_at timestamptz not null,
    relayed_at  timestamptz not null default now(),
    headers     jsonb       not null,
    payload     jsonb       not null,
    primary key (partition, seq, relayed_at)
) partition by range (relayed_at);
create index event_log_key on {{schema}}.event_log (event_key);
create table {{schema}}.event_log_default partition of {{schema}}.event_log default;

-- The last sequence number given out in each partition.
create table {{schema}}.event_heads (
    partition smallint primary key check (partition between 0 and 15),
    seq       bigint   not null default 0
) with (fillfactor = 50);
insert into {{schema}}.event_heads (partition) select generate_series(0, 15);

-- How far each consumer of this module has come in each source's partitions.
create table {{schema}}.consumer_positions (
    consumer     text        not null,
    source       text        not null,
    partition    smallint    not null check (partition between 0 and 15),
    seq          bigint      not null default 0,
    replay_until bigint      not null default 0,
    updated_at   timestamptz not null default now(),
    primary key (consumer, source, partition)
) with (fillfactor = 50);

-- Events that a consumer of this module could not handle and went past.
create table {{schema}}.dead_letters (
    id                 uuid        primary key,
    consumer           text        not null,
    source             text        not null,
    partition          smallint    not null,
    seq                bigint      not null,
    event_id           uuid        not null,
    event_type         text        not null,
    envelope           jsonb       not null,
    error              text        not null,
    attempts           int         not null,
    failed_at          timestamptz not null default now(),
    retry_requested_at timestamptz,
    resolved_at        timestamptz,
    unique (consumer, event_id)
);

-- Answers to requests that carried an Idempotency-Key.
create table {{schema}}.idempotency_keys (
    principal   uuid        not null,
    key         text        not null check (length(key) between 1 and 255),
    route       text        not null,
    fingerprint bytea       not null,
    status      int,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz not null default now(),
    primary key (principal, route, key)
);
create index idempotency_keys_created_at on {{schema}}.idempotency_keys (created_at);

-- maintain_event_log makes the months from this one to ahead_months from now and
-- drops those that ended longer ago than keep. It runs as the owner, because the
-- app role may not create or drop tables. Months are months of UTC. A second
-- caller does nothing while a first is at work.
-- +goose StatementBegin
create function {{schema}}.maintain_event_log(keep interval, ahead_months int, out created int, out dropped int)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
    set lock_timeout = '3s'
as $$
declare
    first_month constant date := date_trunc('month', now());
    month       date;
    next_month  date;
    name        text;
    old         record;
begin
    created := 0;
    dropped := 0;
    if keep is null or keep < interval '0' then
        raise exception 'keep must not be negative' using errcode = 'invalid_parameter_value';
    end if;
    if ahead_months is null or ahead_months not between 0 and 24 then
        raise exception 'ahead_months must be between 0 and 24' using errcode = 'invalid_parameter_value';
    end if;
    if not pg_try_advisory_xact_lock(hashtext('{{schema}}.maintain_event_log'), 0) then
        return;
    end if;

    for i in 0 .. ahead_months loop
        month := first_month + make_interval(months => i);
        next_month := first_month + make_interval(months => i + 1);
        name := 'event_log_' || to_char(month, 'YYYYMM');
        continue when to_regclass(format('{{schema}}.%I', name)) is not null;
        -- Writers wait at event_log itself for these few milliseconds: one that
        -- had been routed to the default partition already would be refused
        -- there once the month exists. Readers go on. Rows of the month that
        -- have landed in the default partition move first.
        lock table {{schema}}.event_log in share row exclusive mode;
        execute format('create table {{schema}}.%I (like {{schema}}.event_log including all)', name);
        lock table {{schema}}.event_log_default in access exclusive mode;
        execute format(
            'with moved as (delete from {{schema}}.event_log_default where relayed_at >= $1 and relayed_at < $2 returning *) '
            'insert into {{schema}}.%I select * from moved', name)
            using month::timestamptz, next_month::timestamptz;
        execute format('alter table {{schema}}.event_log attach partition {{schema}}.%I for values from (%L) to (%L)',
            name, month::timestamptz, next_month::timestamptz);
        created := created + 1;
    end loop;

    for old in
        select c.relname
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = '{{schema}}.event_log'::regclass
          and c.relname ~ '^event_log_[0-9]{6}$'
          and to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' <= now() - keep
          and to_date(right(c.relname, 6), 'YYYYMM') < first_month
    loop
        execute format('drop table {{schema}}.%I', old.relname);
        dropped := dropped + 1;
    end loop;
    delete from {{schema}}.event_log_default where relayed_at < now() - keep;
end
$$;
-- +goose StatementEnd

select {{schema}}.maintain_event_log(interval '100 years', 2);
