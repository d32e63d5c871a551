-- Organisations, the accounts in them, what proves who they are, and what they
-- may do.

-- +goose Up

create table users.organisations (
    organisation_id   uuid        primary key,
    slug              text        collate "C" not null unique
                      check (slug ~ '^[a-z0-9](-?[a-z0-9])*$' and length(slug) <= 63),
    name              text        not null check (char_length(name) between 1 and 200),
    self_registration boolean     not null,
    created_at        timestamptz not null
);

-- An account belongs to one organisation. Its address is unique on the platform
-- and is the only way in, so that sign-in is one probe of one index whatever
-- the number of accounts. An erased account keeps its id and nothing about the
-- person; nulls do not collide in the unique index.
create table users.accounts (
    account_id         uuid        primary key,
    organisation_id    uuid        not null references users.organisations,
    email              text        collate "C" unique check (octet_length(email) between 3 and 254),
    email_confirmed_at timestamptz,
    display_name       text        not null check (char_length(display_name) <= 100),
    -- display_name case-folded, for searches by its beginning.
    search_name        text        collate "C" not null check (octet_length(search_name) <= 1200),
    locale             text        not null check (octet_length(locale) <= 35),
    time_zone          text        not null check (octet_length(time_zone) <= 64),
    status             text        not null check (status in ('active', 'erased')),
    -- version counts the changes that a caller can see; it is the ETag.
    version            bigint      not null default 1 check (version > 0),
    created_at         timestamptz not null,
    updated_at         timestamptz not null,
    check (case status
        when 'active' then email is not null and display_name <> ''
        else email is null and email_confirmed_at is null and display_name = '' and search_name = '' end)
);
-- The members of an organisation in the order in which they came, and by the
-- beginnings of their addresses and names.
create index accounts_members on users.accounts (organisation_id, account_id) where status = 'active';
create index accounts_members_email on users.accounts (organisation_id, email) where status = 'active';
create index accounts_members_name on users.accounts (organisation_id, search_name) where status = 'active';

-- The password of an account: an argon2id hash in PHC form, parameters and salt
-- included. An invited account has none until its owner sets it.
create table users.credentials (
    account_id    uuid        primary key references users.accounts,
    password_hash text        not null check (password_hash like '$argon2id$%' and octet_length(password_hash) <= 255),
    changed_at    timestamptz not null
);

-- The platform administrator's role reaches over all organisations; the others
-- count in the account's organisation only.
create table users.roles (
    account_id      uuid        not null references users.accounts,
    role            text        not null
                    check (role in ('platform_admin', 'organisation_admin', 'instructor', 'learner')),
    organisation_id uuid        not null references users.organisations,
    granted_at      timestamptz not null,
    primary key (account_id, role)
);
-- Who administers an organisation, or the platform. Learners are left out: they
-- are nearly all of the rows and never looked for in this way.
create index roles_administrators on users.roles (role, organisation_id, account_id)
    where role in ('platform_admin', 'organisation_admin');
