-- +goose Up

-- Item analyses: of an assessment's graded attempts, or of marks that were
-- brought in as CSV. The result is what the analysis found, as it is served.
create table assessment.item_analyses (
    analysis_id     uuid        primary key,
    organisation_id uuid        not null,
    requested_by    uuid,       -- null: by the schedule, or by an erased account
    assessment_id   uuid,       -- null: of marks
    version         integer     check (version > 0),
    title           text        not null,
    choice          text        not null default 'first' check (choice in ('first', 'last', 'best', 'all')),
    omitted         text        not null check (omitted in ('zero', 'drop_learner')),
    response_model  boolean     not null, -- the two-parameter model is wanted
    status          text        not null default 'queued' check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    reason          text        not null default '',
    job_id          bigint,
    learners        integer     not null default 0 check (learners >= 0),
    items           integer     not null default 0 check (items >= 0),
    flags           integer     not null default 0 check (flags >= 0),
    result          json,
    requested_at    timestamptz not null default now(),
    started_at      timestamptz,
    finished_at     timestamptz,
    check ((assessment_id is null) = (version is null)),
    check ((status = 'done') = (result is not null))
);
create index item_analyses_assessment on assessment.item_analyses (assessment_id, analysis_id) where assessment_id is not null;
create index item_analyses_organisation on assessment.item_analyses (organisation_id, analysis_id);

-- Marks that wait to be analysed, as they were sent. They are deleted with the
-- end of the analysis.
create table assessment.item_analysis_marks (
    analysis_id uuid  primary key references assessment.item_analyses on delete cascade,
    content     bytea not null
);

-- The estimated ability of each learner. learner is the id of the account, or
-- what the marks that were brought in call the learner.
create table assessment.item_analysis_abilities (
    analysis_id uuid             not null references assessment.item_analyses on delete cascade,
    position    integer          not null check (position > 0),
    learner     text             not null,
    learner_id  uuid,
    items_right integer          not null check (items_right >= 0),
    answered    integer          not null check (answered >= 0),
    ability     double precision, -- the posterior's mean; null: not determined
    error       double precision, -- its standard deviation
    likeliest   double precision, -- of maximum likelihood; null where that is infinite
    likeliest_error double precision,
    primary key (analysis_id, position)
);
create index item_analysis_abilities_learner on assessment.item_analysis_abilities (learner_id) where learner_id is not null;
