-- +goose Up

-- How often an account has tried codes of a course in the present window, over
-- all replicas: a code has as few as 4 characters. Unlogged: counting costs no
-- disk flush, and a crash of the database server, which empties the table, only
-- gives everybody a fresh start.
create unlogged table content.code_guesses (
    course_id  uuid        not null references content.courses,
    account_id uuid        not null,
    count      integer     not null check (count > 0),
    expires_at timestamptz not null,
    primary key (course_id, account_id)
);
create index code_guesses_expires_at on content.code_guesses (expires_at);
create index code_guesses_account on content.code_guesses (account_id);
