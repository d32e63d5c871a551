-- +goose Up

-- Banks of items. Whoever is in the organisation and not a member of a bank does
-- not know of it, but for the organisation's administrators. row_version counts
-- the changes that If-Match protects.
create table assessment.banks (
    bank_id         uuid        primary key,
    organisation_id uuid        not null,
    title           text        not null check (length(title) between 1 and 300),
    description     text        not null default '' check (length(description) <= 5000),
    created_by      uuid,       -- null: an operator, or somebody who was erased
    row_version     bigint      not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now()
);
create index banks_organisation on assessment.banks (organisation_id, bank_id);

create table assessment.bank_members (
    bank_id    uuid        not null references assessment.banks on delete cascade,
    account_id uuid        not null,
    role       text        not null check (role in ('reader', 'author', 'manager')),
    added_at   timestamptz not null default now(),
    primary key (bank_id, account_id)
);
create index bank_members_account on assessment.bank_members (account_id, bank_id);

-- Folders are a tree. path is the names from the root to the folder itself, kept
-- in step with the tree so that a list need not climb it.
create table assessment.folders (
    folder_id uuid   primary key,
    bank_id   uuid   not null references assessment.banks on delete cascade,
    parent_id uuid,
    name      text   not null check (length(name) between 1 and 200),
    path      text[] not null check (cardinality(path) between 1 and 20),
    unique (bank_id, folder_id),
    foreign key (bank_id, parent_id) references assessment.folders (bank_id, folder_id),
    check (parent_id <> folder_id)
);
create unique index folders_name on assessment.folders (bank_id, parent_id, name) where parent_id is not null;
create unique index folders_root_name on assessment.folders (bank_id, name) where parent_id is null;

-- The text of a search: the title, then the words of the item. Both
-- dictionaries, so that an English word is found in each of its forms and a word
-- of any other language as it is written. The arguments are in lower case
-- already: what a server can fold depends on its locale.
create function assessment.item_search(title text, words text) returns tsvector
language sql immutable parallel safe
return setweight(to_tsvector('pg_catalog.english', title) || to_tsvector('pg_catalog.simple', title), 'A')
    || setweight(to_tsvector('pg_catalog.english', words) || to_tsvector('pg_catalog.simple', words), 'D');

-- The items of banks. What a row says is true of the current version; item_id
-- and digest lead to its definition, which earlier versions and papers share if
-- they say the same. identity is the item's lasting name in the bank: importing
-- it again makes a version of this item, not another item.
create table assessment.items (
    item_id         uuid           primary key,
    bank_id         uuid           not null references assessment.banks,
    organisation_id uuid           not null,
    folder_id       uuid,          -- null: at the root
    identity        text           not null check (length(identity) between 1 and 500),
    version         integer        not null check (version > 0),
    digest          bytea          not null,
    status          text           not null default 'draft' check (status in ('draft', 'review', 'live', 'retired')),
    title           text           not null,
    sort_title      text           not null collate "C" check (length(sort_title) <= 200), -- in lower case
    kinds           text[]         not null, -- of its parts, sorted, each once
    max_score       numeric(20, 4) not null,
    difficulty      numeric(5, 4)  check (difficulty between 0 and 1), -- the author's estimate; null: none
    tags            text[]         not null default '{}', -- sorted, each once
    search          tsvector       not null,
    created_by      uuid,
    row_version     bigint         not null default 1,
    created_at      timestamptz    not null default now(),
    updated_at      timestamptz    not null default now(),
    unique (bank_id, identity),
    foreign key (item_id, digest) references assessment.item_versions,
    foreign key (bank_id, folder_id) references assessment.folders (bank_id, folder_id)
);
-- One index for each order that a bank's items are listed in, and one for what
-- narrows a list most.
create index items_newest on assessment.items (bank_id, item_id);
create index items_updated on assessment.items (bank_id, updated_at, item_id);
create index items_title on assessment.items (bank_id, sort_title, item_id);
create index items_difficulty on assessment.items (bank_id, coalesce(difficulty, 2), item_id);
create index items_folder on assessment.items (bank_id, folder_id, item_id);
create index items_status on assessment.items (bank_id, status, item_id);
create index items_labels on assessment.items using gin (tags, kinds);
create index items_search on assessment.items using gin (search);

-- The history of an item. A revision never changes, but for the author's
-- erasure.
create table assessment.item_revisions (
    item_id   uuid        not null references assessment.items on delete cascade,
    version   integer     not null check (version > 0),
    digest    bytea       not null,
    author_id uuid,       -- null: an operator, or somebody who was erased
    origin    text        not null check (origin in ('authored', 'imported', 'restored')),
    note      text        not null default '' check (length(note) <= 1000),
    made_at   timestamptz not null default now(),
    primary key (item_id, version),
    foreign key (item_id, digest) references assessment.item_versions
);

-- The files that the items of a bank may show. The content is in the blob store
-- under its digest.
create table assessment.bank_media (
    bank_id    uuid        not null references assessment.banks on delete cascade,
    sha256     bytea       not null check (length(sha256) = 32),
    name       text        not null check (length(name) between 1 and 255),
    bytes      bigint      not null check (bytes >= 0),
    added_at   timestamptz not null default now(),
    primary key (bank_id, sha256, name)
);

-- What a person has done, for their erasure.
create index banks_creator on assessment.banks (created_by) where created_by is not null;
create index items_creator on assessment.items (created_by) where created_by is not null;
create index item_revisions_author on assessment.item_revisions (author_id) where author_id is not null;

-- Where the paper of an assessment comes from, and which version of a bank's
-- item is on it.
alter table assessment.assessments
    add column origin text not null default 'course' check (origin in ('course', 'bank'));
alter table assessment.paper_items
    add column item_version integer check (item_version > 0); -- null: not from a bank
create index paper_items_item on assessment.paper_items (item_id) where item_version is not null;

-- Whose people they are: only they can become members of a bank. Null until the
-- account is heard of again.
alter table assessment.people add column organisation_id uuid;
