-- +goose Up

-- How many items of a graded attempt people have yet to mark.
alter table assessment.attempts add column items_to_mark integer not null default 0 check (items_to_mark >= 0);
create index attempts_to_mark on assessment.attempts (assessment_id, attempt_id) where items_to_mark > 0;

-- What people gave for an item of an attempt. Nothing is updated: the last row of
-- an item counts, those before it say what was thought earlier.
create table assessment.marks (
    mark_id    uuid        primary key,
    attempt_id uuid        not null references assessment.attempts,
    item_id    uuid        not null,
    marker_id  uuid,       -- null: an account that was erased
    marks      json        not null,
    comment    text        not null default '' check (length(comment) <= 10000),
    marked_at  timestamptz not null default clock_timestamp()
);
create index marks_attempt on assessment.marks (attempt_id, item_id, marked_at);
create index marks_marker on assessment.marks (marker_id) where marker_id is not null;
