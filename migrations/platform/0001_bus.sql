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
-- replays. One table a day, so that retention drops tables instead of rows.
-- maintain_event_log makes the days; the default partition takes what falls
-- into a day that nobody has made.
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

-- maintain_event_log makes the days from today to ahead_days from now and drops
-- those that ended longer ago than keep. It runs as the owner, because the app
-- role may not create or drop tables. Days are days of UTC. A second caller does
-- nothing while a first is at work.
-- +goose StatementBegin
create function {{schema}}.maintain_event_log(keep interval, ahead_days int, out created int, out dropped int)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
    set lock_timeout = '3s'
as $$
declare
    first_day constant date := current_date;
    day       date;
    name      text;
    old       record;
begin
    created := 0;
    dropped := 0;
    if keep is null or keep < interval '0' then
        raise exception 'keep must not be negative' using errcode = 'invalid_parameter_value';
    end if;
    if ahead_days is null or ahead_days not between 0 and 366 then
        raise exception 'ahead_days must be between 0 and 366' using errcode = 'invalid_parameter_value';
    end if;
    if not pg_try_advisory_xact_lock(hashtext('{{schema}}.maintain_event_log'), 0) then
        return;
    end if;

    for i in 0 .. ahead_days loop
        day := first_day + i;
        name := 'event_log_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass(format('{{schema}}.%I', name)) is not null;
        -- Attaching a finished table takes a weaker lock on event_log than
        -- creating the partition in place, so the relay goes on meanwhile. Rows
        -- of the day that have landed in the default partition move first.
        execute format('create table {{schema}}.%I (like {{schema}}.event_log including all)', name);
        lock table {{schema}}.event_log_default in access exclusive mode;
        execute format(
            'with moved as (delete from {{schema}}.event_log_default where relayed_at >= $1 and relayed_at < $2 returning *) '
            'insert into {{schema}}.%I select * from moved', name)
            using day::timestamptz, (day + 1)::timestamptz;
        execute format('alter table {{schema}}.event_log attach partition {{schema}}.%I for values from (%L) to (%L)',
            name, day::timestamptz, (day + 1)::timestamptz);
        created := created + 1;
    end loop;

    for old in
        select c.relname
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = '{{schema}}.event_log'::regclass
          and c.relname ~ '^event_log_[0-9]{8}$'
          and to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= now() - keep
          and to_date(right(c.relname, 8), 'YYYYMMDD') < first_day
    loop
        execute format('drop table {{schema}}.%I', old.relname);
        dropped := dropped + 1;
    end loop;
    delete from {{schema}}.event_log_default where relayed_at < now() - keep;
end
$$;
-- +goose StatementEnd

select {{schema}}.maintain_event_log(interval '100 years', 3);
