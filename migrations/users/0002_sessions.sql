-- Sessions, and the secrets handed out to prove one thing once. A secret itself
-- is never stored: only its SHA-256, which suffices because a secret is 256
-- random bits.

-- +goose Up

-- A session begins with a password and ends by sign-out, by a change of the
-- password, by the reuse of a refresh token, or at expires_at.
create table users.sessions (
    session_id   uuid        primary key,
    account_id   uuid        not null references users.accounts,
    user_agent   text        not null check (char_length(user_agent) <= 200),
    created_at   timestamptz not null,
    last_used_at timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    revoked_for  text        check (revoked_for in ('sign_out', 'ended_by_owner', 'password_changed', 'token_reused')),
    check ((revoked_at is null) = (revoked_for is null))
);
create index sessions_account on users.sessions (account_id);
create index sessions_expires_at on users.sessions (expires_at);

-- The family of refresh tokens of a session. Rotated ones are kept until they
-- expire: seeing one again means that it was stolen.
create table users.refresh_tokens (
    token_hash bytea       primary key check (octet_length(token_hash) = 32),
    session_id uuid        not null references users.sessions on delete cascade,
    issued_at  timestamptz not null,
    expires_at timestamptz not null,
    rotated_at timestamptz
);
create index refresh_tokens_session on users.refresh_tokens (session_id);
create index refresh_tokens_expires_at on users.refresh_tokens (expires_at);

-- Secrets sent by mail.
create table users.email_tokens (
    token_hash bytea       primary key check (octet_length(token_hash) = 32),
    account_id uuid        not null references users.accounts,
    purpose    text        not null check (purpose in ('confirm', 'set_password')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index email_tokens_account on users.email_tokens (account_id);
create index email_tokens_expires_at on users.email_tokens (expires_at);

-- How often something was tried in the present window, over all replicas. key
-- and place are digests of whose it is and from where it was tried; place is
-- empty for a rule about all places. Unlogged: counting costs no disk flush, and a crash of the
-- database server, which empties the table, only gives everybody a fresh start.
create unlogged table users.throttles (
    rule       text        not null,
    key        bytea       not null check (octet_length(key) = 32),
    place      bytea       not null check (octet_length(place) in (0, 32)),
    count      int         not null,
    expires_at timestamptz not null,
    primary key (rule, key, place)
) with (fillfactor = 50);
create index throttles_expires_at on users.throttles (expires_at);
