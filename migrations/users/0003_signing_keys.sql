-- The keys that sign access tokens.

-- +goose Up

-- The key that signs is the newest whose activates_at has passed. A key is
-- published from its creation, so that every verifier knows it before it signs,
-- and until the last token signed by it has expired. Whoever can read this
-- table can sign in as anybody.
create table users.signing_keys (
    key_id       text        primary key check (octet_length(key_id) between 1 and 64),
    private_jwk  jsonb       not null,
    created_at   timestamptz not null,
    activates_at timestamptz not null
);
