-- +goose Up

-- Imports of items into banks. Each is read twice: first to say what it would
-- bring (reading, then read), and when somebody has confirmed it again, to bring
-- it (applying, then done). position counts the questions that the present
-- reading has dealt with; it moves in the transactions that do what it counts, so
-- that a reading that was broken off goes on where it was. touched_at tells that
-- somebody is at it.
create table assessment.item_imports (
    import_id       uuid        primary key,
    bank_id         uuid        not null references assessment.banks on delete cascade,
    organisation_id uuid        not null,
    requested_by    uuid,       -- null: an operator, or somebody who was erased
    file_name       text        not null check (length(file_name) <= 255),
    bytes           bigint      not null check (bytes >= 0),
    blob_key        text        not null,
    status          text        not null default 'queued'
        check (status in ('queued', 'reading', 'read', 'confirmed', 'applying', 'done', 'failed', 'cancelled')),
    format          text        not null default '',
    position        integer     not null default 0 check (position >= 0),
    read_bytes      bigint      not null default 0,
    touched_at      timestamptz not null default now(),

    -- What the reading says it would bring.
    questions       integer     not null default 0, -- all that were found
    new_items       integer     not null default 0,
    changed_items   integer     not null default 0,
    same_items      integer     not null default 0,
    skipped_items   integer     not null default 0,
    lines           integer     not null default 0, -- kept
    omitted_lines   integer     not null default 0,
    stopped         text        not null default '', -- why the file could not be read to its end
    report          json,       -- itemfile.Report without the lines

    -- How it is to be brought, and what it has brought.
    manages         boolean     not null default false, -- whether who confirmed it manages the bank
    item_status     text        not null default 'draft' check (item_status in ('draft', 'review', 'live')), -- of new items
    folder_id       uuid,       -- below which its folders are; null: the root
    tags            text[]      not null default '{}', -- for new items, beside their own
    confirmed_by    uuid,
    created         integer     not null default 0,
    updated         integer     not null default 0,
    unchanged       integer     not null default 0,

    reason          text        not null default '', -- machine-readable, when failed
    detail          text        not null default '', -- a sentence for people, when failed
    requested_at    timestamptz not null default now(),
    finished_at     timestamptz
);
create index item_imports_bank on assessment.item_imports (bank_id, import_id desc);
create index item_imports_requested_by on assessment.item_imports (requested_by) where requested_by is not null;
create index item_imports_confirmed_by on assessment.item_imports (confirmed_by) where confirmed_by is not null;
-- Those that somebody must be at, a handful at any time.
create index item_imports_unfinished on assessment.item_imports (touched_at)
    where status in ('queued', 'reading', 'confirmed', 'applying');
create index item_imports_unconfirmed on assessment.item_imports (touched_at) where status = 'read';

-- The lines of the reports, in the order in which they were made.
create table assessment.item_import_lines (
    import_id uuid    not null references assessment.item_imports on delete cascade,
    seq       integer not null check (seq > 0),
    severity  text    not null check (severity in ('info', 'simplified', 'skipped', 'missing')),
    file      text    not null,
    line      integer not null, -- 0: unknown
    source_id text    not null,
    what      text    not null,
    why       text    not null,
    primary key (import_id, seq)
);
create index item_import_lines_severity on assessment.item_import_lines (import_id, severity, seq);
