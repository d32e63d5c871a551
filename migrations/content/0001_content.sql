-- +goose Up

-- Secrets that all replicas of the module share, such as the key that signs
-- media URLs.
create table content.settings (
    name  text  primary key check (name ~ '^[a-z_]{1,64}$'),
    value bytea not null
);

-- The whole text of a search, weighted: the title, then the summary, then the
-- headings. Both dictionaries, so that an English word is found in each of its
-- forms and a word of any other language as it is written. The arguments are in
-- lower case already: what a server can fold depends on its locale.
create function content.course_search(title text, summary text, headings text) returns tsvector
language sql immutable parallel safe
return setweight(to_tsvector('pg_catalog.english', title) || to_tsvector('pg_catalog.simple', title), 'A')
    || setweight(to_tsvector('pg_catalog.english', summary) || to_tsvector('pg_catalog.simple', summary), 'B')
    || setweight(to_tsvector('pg_catalog.english', headings) || to_tsvector('pg_catalog.simple', headings), 'D');

-- A course exists from the moment its first version is published. row_version
-- counts the changes that If-Match protects.
create table content.courses (
    course_id       uuid        primary key,
    organisation_id uuid        not null,
    key             text        not null check (key ~ '^[^/]+/[^/]+/[^/]+$' and length(key) <= 800),
    slug            text        not null check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 800),
    title           text        not null check (length(title) between 1 and 300),
    summary         text        not null default '' check (length(summary) <= 2000),
    headings        text        not null default '', -- of chapters, subsections and units, in lower case
    description     text        not null default '', -- sanitised HTML
    image           text        not null default '', -- an asset URL, or empty
    language        text        not null default '' check (length(language) <= 35),
    listed          boolean     not null default true,
    enrolment_mode  text        not null default 'open' check (enrolment_mode in ('open', 'code', 'instructor')),
    enrolment_code  text        check (length(enrolment_code) between 4 and 64),
    starts_at       timestamptz,
    ends_at         timestamptz,
    status          text        not null default 'published' check (status in ('published', 'archived')),
    current_version integer     not null check (current_version > 0),
    row_version     bigint      not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    search          tsvector    not null,
    unique (organisation_id, key),
    check ((enrolment_mode = 'code') = (enrolment_code is not null))
);
create index courses_catalogue on content.courses (organisation_id, lower(title), course_id)
    where listed and status = 'published';
create index courses_search on content.courses using gin (search);

-- What learners read. A version never changes once it is written.
create table content.course_versions (
    course_id      uuid        not null references content.courses,
    number         integer     not null check (number > 0),
    title          text        not null,
    summary        text        not null,
    outline        json        not null,
    unit_count     integer     not null check (unit_count >= 0),
    grading_policy json        not null,
    digest         bytea       not null check (length(digest) = 32),
    report         json        not null,
    published_at   timestamptz not null default now(),
    published_by   uuid,
    primary key (course_id, number)
);

-- One unit of one version. unit_id is the same in every version. content is
-- json, not jsonb: it is written once and read whole.
create table content.units (
    course_id       uuid    not null,
    version         integer not null,
    unit_id         uuid    not null,
    position        integer not null check (position > 0),
    chapter         text    not null,
    subsection      text    not null,
    title           text    not null,
    content         json    not null,
    problem_set_ids uuid[]  not null default '{}',
    primary key (course_id, version, unit_id),
    unique (course_id, version, position),
    foreign key (course_id, version) references content.course_versions
);

create table content.course_files (
    course_id  uuid    not null,
    version    integer not null,
    path       text    not null check (length(path) between 1 and 1000),
    sha256     bytea   not null check (length(sha256) = 32),
    media_type text    not null,
    bytes      bigint  not null check (bytes >= 0),
    primary key (course_id, version, path),
    foreign key (course_id, version) references content.course_versions
);

-- The problem sets that the course has or had. digest is that of the
-- definition last handed to assessment.
create table content.problem_sets (
    problem_set_id uuid    primary key,
    course_id      uuid    not null references content.courses,
    course_version integer not null,
    position       integer not null,
    title          text    not null,
    items          integer not null,
    digest         bytea   not null check (length(digest) = 32),
    withdrawn      boolean not null default false
);
create index problem_sets_course on content.problem_sets (course_id, position);

create table content.course_staff (
    course_id   uuid        not null references content.courses,
    account_id  uuid        not null,
    assigned_at timestamptz not null default now(),
    assigned_by uuid,
    primary key (course_id, account_id)
);
create index course_staff_account on content.course_staff (account_id, course_id);

-- One row for a learner and a course, whatever happens between them.
create table content.enrolments (
    enrolment_id uuid        primary key,
    course_id    uuid        not null references content.courses,
    learner_id   uuid        not null,
    status       text        not null check (status in ('active', 'withdrawn')),
    how          text        not null check (how in ('open', 'code', 'instructor')),
    enrolled_at  timestamptz not null,
    withdrawn_at timestamptz,
    completed_at timestamptz,
    unique (course_id, learner_id),
    check ((status = 'withdrawn') = (withdrawn_at is not null))
);
create index enrolments_learner on content.enrolments (learner_id, enrolment_id);
create index enrolments_roster on content.enrolments (course_id, enrolment_id);

-- What an enrolled learner has done with a unit. The days of reading are kept
-- by those who count them, from the events; here the last day is enough to say
-- whether a view is the first of its day.
create table content.unit_progress (
    enrolment_id    uuid        not null references content.enrolments,
    unit_id         uuid        not null,
    first_viewed_at timestamptz,
    last_viewed_on  date,
    completed_at    timestamptz,
    primary key (enrolment_id, unit_id)
);

-- Projection of graded attempts: the learner's best score in a problem set. No
-- key leads elsewhere: results may arrive before what they belong to.
create table content.problem_set_results (
    learner_id     uuid        not null,
    problem_set_id uuid        not null,
    course_id      uuid        not null,
    score          numeric     not null,
    max_score      numeric     not null,
    graded_at      timestamptz not null,
    primary key (learner_id, problem_set_id)
);

-- Projection of contacts, for rosters and for enrolling by address.
create table content.contacts (
    account_id      uuid    primary key,
    organisation_id uuid    not null,
    email           text    not null,
    email_confirmed boolean not null,
    display_name    text    not null
);
create index contacts_email on content.contacts (organisation_id, lower(email));

create table content.imports (
    import_id       uuid        primary key,
    organisation_id uuid        not null,
    requested_by    uuid        not null,
    any_course      boolean     not null, -- asked for by an administrator, who may update every course
    file_name       text        not null check (length(file_name) <= 255),
    bytes           bigint      not null,
    blob_key        text        not null,
    job_id          bigint,
    status          text        not null default 'queued' check (status in ('queued', 'running', 'done', 'failed', 'cancelled')),
    step            text        not null default '',
    done            integer     not null default 0,
    total           integer     not null default 0,
    course_id       uuid,
    version         integer,
    unchanged       boolean     not null default false,
    report          json,
    reason          text        not null default '', -- machine-readable, when failed
    detail          text        not null default '', -- a sentence for the requester, when failed
    requested_at    timestamptz not null default now(),
    started_at      timestamptz,
    finished_at     timestamptz
);
create index imports_organisation on content.imports (organisation_id, import_id desc);
