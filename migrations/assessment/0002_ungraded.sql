-- +goose Up

-- What was submitted and waits for its grade: a handful of rows at any time.
create index attempts_ungraded on assessment.attempts (submitted_at) where status = 'submitted';
