-- +goose Up

-- Whom to write to: the latest ContactChanged of each account.
create table notify.contacts (
    account_id      uuid        primary key,
    organisation_id uuid        not null,
    email           text        not null check (email <> ''),
    email_confirmed boolean     not null,
    display_name    text        not null,
    locale          text        not null,
    time_zone       text        not null,
    changed_at      timestamptz not null
);

-- Accounts that asked to be forgotten. The bus does not order one module's
-- events against another's, so an event about an erased account may still come.
create table notify.erased_accounts (
    account_id uuid        primary key,
    erased_at  timestamptz not null
);

-- One row for each event that concerns an account. Rows that are not in the
-- inbox exist for their mail alone: the account wants no inbox entries of this
-- kind. created_at is the clock at the insert, before the commit.
create table notify.notifications (
    id              uuid        primary key, -- UUIDv7: newest last
    account_id      uuid        not null,
    organisation_id uuid        not null,
    source_event_id uuid        not null,
    kind            text        not null check (kind ~ '^[a-z_]{1,64}$'),
    title           text        not null check (length(title) between 1 and 300),
    body            text        not null check (length(body) <= 2000),
    data            jsonb       not null check (jsonb_typeof(data) = 'object'),
    link            text        not null check (link ~ '^/[^/\\]' and length(link) <= 500), -- a path of the web interface
    inbox           boolean     not null,
    created_at      timestamptz not null default clock_timestamp(),
    read_at         timestamptz,
    unique (account_id, source_event_id)
);
create index notifications_inbox on notify.notifications (account_id, id desc) where inbox;
create index notifications_unread on notify.notifications (account_id, id desc) where inbox and read_at is null;
create index notifications_created_at on notify.notifications (created_at); -- live streams look at the newest, retention at the oldest

-- What accounts have chosen. What they have not chosen has its default in code.
create table notify.preferences (
    account_id uuid    not null,
    kind       text    not null check (kind ~ '^[a-z_]{1,64}$'),
    channel    text    not null check (channel in ('inbox', 'mail')),
    enabled    boolean not null,
    primary key (account_id, kind, channel)
);

-- What became of each mail. reason is a fixed word or an error without the
-- address in it.
create table notify.deliveries (
    notification_id uuid        primary key references notify.notifications on delete cascade,
    status          text        not null default 'queued' check (status in ('queued', 'sent', 'failed', 'cancelled')),
    attempts        integer     not null default 0 check (attempts >= 0),
    reason          text        not null default '' check (length(reason) <= 1000),
    queued_at       timestamptz not null default now(),
    settled_at      timestamptz,
    check ((status = 'queued') = (settled_at is null))
);
create index deliveries_queued on notify.deliveries (queued_at) where status = 'queued';

-- The key that signs the links by which a mail is unsubscribed from. There is
-- one row. gen_random_uuid draws from the operating system's random source.
create table notify.link_key (
    singleton boolean primary key default true check (singleton),
    key       bytea   not null check (length(key) = 32)
);
insert into notify.link_key (key)
values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
