-- +goose Up

-- Every table but erased_accounts is a projection of events and can be rebuilt
-- from them. The header of each group names the consumer that writes it.
--
-- Nothing is counted on writing. A counter for each course would be a row that
-- all partitions of a source wait for; so events become rows, and reading counts
-- them along an index that leads with the course. Each row's key contains the
-- aggregate that orders its events (course, assessment, enrolment or attempt),
-- so only one partition of one source ever writes it, and transactions of many
-- events can neither wait for nor deadlock with each other.
--
-- All days are days of UTC.

-- analytics.courses

create table analytics.courses (
    course_id       uuid        primary key,
    organisation_id uuid        not null,
    version         integer     not null,
    title           text        not null,
    published_at    timestamptz not null
);

-- The units of the published version in reading order.
create table analytics.outline (
    course_id  uuid    not null,
    position   integer not null check (position > 0),
    unit_id    uuid    not null,
    chapter    text    not null,
    subsection text    not null,
    title      text    not null,
    primary key (course_id, position)
);

create table analytics.staff (
    course_id       uuid not null,
    account_id      uuid not null,
    organisation_id uuid not null,
    primary key (course_id, account_id)
);
create index staff_account on analytics.staff (account_id);

create table analytics.assessments (
    assessment_id      uuid        primary key,
    course_id          uuid        not null,
    organisation_id    uuid        not null,
    version            integer     not null,
    title              text        not null,
    category           text        not null,
    max_score          numeric     not null check (max_score between 0 and 1e12),
    first_published_at timestamptz not null
);
create index assessments_course on analytics.assessments (course_id);

-- Every item that an assessment has ever had, as the latest version with it has
-- it: scores of attempts at older versions keep their titles.
create table analytics.assessment_items (
    assessment_id uuid    not null,
    item_id       uuid    not null,
    version       integer not null, -- the latest that has the item
    position      integer not null check (position > 0),
    title         text    not null,
    max_score     numeric not null check (max_score between 0 and 1e12),
    primary key (assessment_id, item_id)
);

-- analytics.enrolments

-- Each time a learner joined or left a course. A learner has one enrolment for
-- a course, however often they come back; its id stands for them here.
create table analytics.enrolment_changes (
    course_id    uuid        not null,
    enrolment_id uuid        not null,
    at           timestamptz not null,
    withdrawn    boolean     not null,
    primary key (course_id, enrolment_id, at, withdrawn)
);

create table analytics.completions (
    course_id    uuid        not null,
    enrolment_id uuid        not null,
    completed_at timestamptz not null,
    primary key (course_id, enrolment_id)
);

-- analytics.activity

-- Who was active on which day. source_id is the enrolment or attempt in which
-- they were: the attempts of a learner are ordered apart from each other and
-- from the enrolment, so one row for all of them would have many writers.
--
-- The table grows by a row for each learner, day and attempt, for ever. One
-- table a month keeps the indexes that are written small and lets old months be
-- dropped. What falls outside the months made here, until a later migration
-- makes more, goes to the default partition.
create table analytics.activity_days (
    course_id  uuid not null,
    day        date not null,
    learner_id uuid not null, -- an account, or the stand-in of an erased one
    source_id  uuid not null,
    primary key (course_id, day, learner_id, source_id)
) partition by range (day);
create index activity_days_learner on analytics.activity_days (learner_id);
create table analytics.activity_days_default partition of analytics.activity_days default;
-- +goose StatementBegin
do $$
declare
    first constant date := '2026-07-01';
    month date;
begin
    for i in 0 .. 29 loop
        month := first + make_interval(months => i);
        execute format('create table analytics.%I partition of analytics.activity_days for values from (%L) to (%L)',
            'activity_days_' || to_char(month, 'YYYYMM'), month, (month + interval '1 month')::date);
    end loop;
end
$$;
-- +goose StatementEnd

-- What enrolments have reached in the units of a course. Not partitioned: it
-- is bounded by enrolments times units and always read as a whole course.
create table analytics.unit_progress (
    course_id    uuid not null,
    unit_id      uuid not null,
    step         text not null check (step in ('viewed', 'completed')),
    enrolment_id uuid not null,
    primary key (course_id, unit_id, step, enrolment_id)
);

-- analytics.results

-- Graded attempts.
create table analytics.attempts (
    attempt_id    uuid        primary key,
    course_id     uuid        not null,
    assessment_id uuid        not null,
    learner_id    uuid        not null, -- an account, or the stand-in of an erased one
    score         numeric     not null check (score between 0 and 1e12),
    max_score     numeric     not null check (max_score between 0 and 1e12),
    graded_at     timestamptz not null
);
create index attempts_course on analytics.attempts (course_id, assessment_id) include (learner_id, score, max_score);
create index attempts_learner on analytics.attempts (learner_id);

-- The scores of attempts by item. Not partitioned: facility is taken over all
-- attempts at an assessment, so every read would visit every month.
create table analytics.item_scores (
    assessment_id uuid    not null,
    item_id       uuid    not null,
    attempt_id    uuid    not null,
    score         numeric not null check (score between 0 and 1e12),
    max_score     numeric not null check (max_score between 0 and 1e12),
    answered      boolean not null,
    primary key (assessment_id, item_id, attempt_id) include (score, max_score, answered)
);

-- analytics.erasure

-- Accounts that asked to be forgotten, so that an event about one of them that
-- comes late or is replayed does not bring its id back. An account's id is not
-- found from its digest: 74 of its bits are random.
create table analytics.erased_accounts (
    digest   bytea primary key check (length(digest) = 32), -- SHA-256 of the id's 16 bytes
    stand_in uuid  not null unique                          -- random; replaces the id in every table
);
