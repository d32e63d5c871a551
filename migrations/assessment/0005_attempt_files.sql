-- +goose Up

-- Files that learners hand in for a part of an item, each kept in the blob store
-- under its id. A response names those that belong to it; the others were taken
-- back.
create table assessment.attempt_files (
    file_id     uuid        primary key,
    attempt_id  uuid        not null references assessment.attempts,
    item_id     uuid        not null,
    part_id     text        not null check (length(part_id) between 1 and 100),
    name        text        not null check (length(name) between 1 and 255),
    bytes       bigint      not null check (bytes > 0),
    uploaded_at timestamptz not null default clock_timestamp()
);
create index attempt_files_attempt on assessment.attempt_files (attempt_id, file_id);
