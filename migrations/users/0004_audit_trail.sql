-- Who did what to whom, and when. Rows hold ids only: no address, name, secret
-- or network address, so erasure need not rewrite history.

-- +goose Up

create table users.audit_trail (
    audit_id        uuid        not null,
    at              timestamptz not null,
    action          text        not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
    -- Null for the platform itself and for callers who are not signed in.
    actor_id        uuid,
    -- The account or organisation that it was done to.
    subject_id      uuid        not null,
    organisation_id uuid        not null,
    detail          text        not null default '' check (octet_length(detail) <= 200),
    primary key (audit_id, at)
) partition by range (at);
create index audit_trail_subject on users.audit_trail (subject_id, at);
create index audit_trail_organisation on users.audit_trail (organisation_id, at);
create table users.audit_trail_default partition of users.audit_trail default;

-- maintain_audit_trail makes the months from this one to ahead_months from now
-- and drops those that ended longer ago than keep. It runs as the owner, because
-- the app role may not create or drop tables. Months are months of UTC. A second
-- caller does nothing while a first is at work.
-- +goose StatementBegin
create function users.maintain_audit_trail(keep interval, ahead_months int) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
    set lock_timeout = '3s'
as $$
declare
    month timestamptz;
    name  text;
    old   record;
begin
    if keep is null or keep < interval '0' then
        raise exception 'keep must not be negative' using errcode = 'invalid_parameter_value';
    end if;
    if ahead_months is null or ahead_months not between 0 and 24 then
        raise exception 'ahead_months must be between 0 and 24' using errcode = 'invalid_parameter_value';
    end if;
    if not pg_try_advisory_xact_lock(hashtext('users.maintain_audit_trail'), 0) then
        return;
    end if;
    for i in 0 .. ahead_months loop
        month := date_trunc('month', now()) + make_interval(months => i);
        name := 'audit_trail_' || to_char(month, 'YYYYMM');
        continue when to_regclass(format('users.%I', name)) is not null;
        execute format('create table users.%I (like users.audit_trail including all)', name);
        lock table users.audit_trail_default in access exclusive mode;
        execute format(
            'with moved as (delete from users.audit_trail_default where at >= $1 and at < $2 returning *) '
            'insert into users.%I select * from moved', name)
            using month, month + interval '1 month';
        execute format('alter table users.audit_trail attach partition users.%I for values from (%L) to (%L)',
            name, month, month + interval '1 month');
    end loop;
    for old in
        select c.relname
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'users.audit_trail'::regclass
          and c.relname ~ '^audit_trail_[0-9]{6}$'
          and to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' <= now() - keep
    loop
        execute format('drop table users.%I', old.relname);
    end loop;
    delete from users.audit_trail_default where at < now() - keep;
end
$$;
-- +goose StatementEnd

select users.maintain_audit_trail(interval '100 years', 3);
