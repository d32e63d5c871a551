-- +goose Up

-- What content has published as problem sets, one row each. The policy is that
-- of the latest publication and holds for attempts yet to be started; the paper
-- is the version. A row without a version is a problem set that was withdrawn
-- before its publication could be applied.
create table assessment.assessments (
    assessment_id      uuid        primary key,
    course_id          uuid        not null,
    organisation_id    uuid        not null,
    current_version    integer     check (current_version > 0),
    title              text        not null default '',
    category           text        not null default '', -- of the grading policy; empty: ungraded
    position           integer     not null default 0,
    max_attempts       integer     not null default 0 check (max_attempts >= 0), -- 0: unlimited
    time_limit_seconds integer     not null default 0 check (time_limit_seconds >= 0), -- 0: none
    opens_at           timestamptz,
    due_at             timestamptz,
    release            text        not null default 'never' check (release in ('never', 'submitted', 'after_due', 'last')),
    published_at       timestamptz,
    withdrawn_at       timestamptz
);
create index assessments_course on assessment.assessments (course_id, position, assessment_id);

-- Papers. A version is the version of the course that it was published with. It
-- never changes once written.
create table assessment.assessment_versions (
    assessment_id uuid           not null references assessment.assessments,
    version       integer        not null check (version > 0),
    title         text           not null,
    max_score     numeric(20, 4) not null check (max_score >= 0),
    item_count    integer        not null check (item_count >= 0), -- without the excluded ones
    published_at  timestamptz    not null,
    primary key (assessment_id, version)
);

-- Items by content: what has not changed is shared by all versions that hold it.
-- definition is json, not jsonb: it is written once and read whole, and its digest
-- is that of its text.
create table assessment.item_versions (
    item_id    uuid  not null,
    digest     bytea not null check (length(digest) = 32), -- SHA-256 of definition
    definition json  not null,
    primary key (item_id, digest)
);

-- The items of a paper in order. fault says why an item is excluded from it.
create table assessment.paper_items (
    assessment_id uuid    not null,
    version       integer not null,
    position      integer not null check (position > 0),
    item_id       uuid    not null,
    digest        bytea   not null,
    fault         text    check (fault <> ''),
    primary key (assessment_id, version, position),
    foreign key (assessment_id, version) references assessment.assessment_versions,
    foreign key (item_id, digest) references assessment.item_versions
);

-- Attempts. They have no foreign key to their paper: it would lock the one row
-- that everybody who starts in the same minute refers to, and papers are never
-- deleted. The start reads the version in its own transaction instead.
create table assessment.attempts (
    attempt_id      uuid           primary key,
    assessment_id   uuid           not null,
    version         integer        not null,
    learner_id      uuid           not null,
    organisation_id uuid           not null,
    course_id       uuid           not null,
    number          integer        not null check (number > 0),
    seed            bigint         not null,
    status          text           not null default 'in_progress' check (status in ('in_progress', 'submitted', 'graded')),
    started_at      timestamptz    not null,
    deadline_at     timestamptz,
    submitted_at    timestamptz,
    submitted_by    text           check (submitted_by in ('learner', 'deadline')),
    score           numeric(20, 4),
    max_score       numeric(20, 4) not null check (max_score >= 0),
    graded_at       timestamptz,
    unique (assessment_id, learner_id, number),
    check (deadline_at > started_at),
    check ((status = 'in_progress') = (submitted_at is null)),
    check ((submitted_at is null) = (submitted_by is null)),
    check ((status = 'graded') = (graded_at is not null)),
    check ((graded_at is null) = (score is null)),
    check (score between 0 and max_score)
);
create unique index attempts_running on assessment.attempts (assessment_id, learner_id) where status = 'in_progress';
create index attempts_deadline on assessment.attempts (deadline_at, attempt_id)
    where status = 'in_progress' and deadline_at is not null;
create index attempts_learner on assessment.attempts (learner_id, course_id, assessment_id, number);

-- Every response that was ever acknowledged; nothing is updated. The response
-- to an item is the row with the highest sequence, and among equals, which only
-- two replicas at the same instant can make, the one saved last. All rows of an
-- attempt lie next to each other, and within the months of the attempt.
create table assessment.response_log (
    attempt_id uuid        not null,
    item_id    uuid        not null,
    sequence   bigint      not null check (sequence > 0),
    saved_at   timestamptz not null,
    response   json        not null,
    primary key (attempt_id, item_id, sequence, saved_at)
) partition by range (saved_at);
create table assessment.response_log_default partition of assessment.response_log default;

-- The score of each item of a graded attempt; graded_at is the attempt's own.
create table assessment.item_scores (
    attempt_id uuid           not null,
    item_id    uuid           not null,
    graded_at  timestamptz    not null,
    score      numeric(20, 4) not null,
    max_score  numeric(20, 4) not null,
    answered   boolean        not null,
    result     json           not null,
    primary key (attempt_id, item_id, graded_at),
    check (score between 0 and max_score)
) partition by range (graded_at);
create table assessment.item_scores_default partition of assessment.item_scores default;

-- What assessment knows of others, from their events. No foreign keys: the
-- events of different modules arrive in any order.
create table assessment.enrolments (
    course_id       uuid        not null,
    learner_id      uuid        not null,
    organisation_id uuid        not null,
    enrolled_at     timestamptz not null,
    withdrawn_at    timestamptz,
    primary key (course_id, learner_id)
);

create table assessment.course_staff (
    course_id       uuid not null,
    account_id      uuid not null,
    organisation_id uuid not null,
    primary key (course_id, account_id)
);

create table assessment.people (
    account_id   uuid primary key,
    display_name text not null
);

-- maintain_partitions makes the monthly partitions of response_log and
-- item_scores from this month to ahead_months from now. It runs as the owner,
-- because the app role may not create tables. Months are months of UTC. Records
-- of examinations are kept, so it drops nothing. A second caller does nothing
-- while a first is at work.
-- +goose StatementBegin
create function assessment.maintain_partitions(ahead_months integer, out created integer)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
    set lock_timeout = '3s'
as $$
declare
    parent      text;
    time_column text;
    name        text;
    first_day   timestamptz;
    next_day    timestamptz;
begin
    created := 0;
    if ahead_months is null or ahead_months not between 0 and 24 then
        raise exception 'ahead_months must be between 0 and 24' using errcode = 'invalid_parameter_value';
    end if;
    if not pg_try_advisory_xact_lock(hashtext('assessment.maintain_partitions'), 0) then
        return;
    end if;
    foreach parent in array array['response_log', 'item_scores'] loop
        time_column := case parent when 'response_log' then 'saved_at' else 'graded_at' end;
        for i in 0 .. ahead_months loop
            first_day := date_trunc('month', now()) + make_interval(months => i);
            next_day := first_day + interval '1 month';
            name := parent || '_' || to_char(first_day, 'YYYYMM');
            continue when to_regclass(format('assessment.%I', name)) is not null;
            -- Attaching a finished table takes a weaker lock on the parent than
            -- creating the partition in place. Rows of the month that have
            -- landed in the default partition move first.
            execute format('create table assessment.%I (like assessment.%I including all)', name, parent);
            execute format('lock table assessment.%I in access exclusive mode', parent || '_default');
            execute format(
                'with moved as (delete from assessment.%I where %I >= $1 and %I < $2 returning *) '
                'insert into assessment.%I select * from moved', parent || '_default', time_column, time_column, name)
                using first_day, next_day;
            execute format('alter table assessment.%I attach partition assessment.%I for values from (%L) to (%L)',
                parent, name, first_day, next_day);
            created := created + 1;
        end loop;
    end loop;
end
$$;
-- +goose StatementEnd

select assessment.maintain_partitions(2);
