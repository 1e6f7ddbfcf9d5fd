-- The same tables for the embedded database. Numbers are REAL (exact for ten digits), times are text in UTC
-- (2026-01-31T12:00:00Z), and lengths are checked before they get here.
create table if not exists users (
    id integer primary key autoincrement,
    username text not null unique,
    email text not null unique,
    password_hash text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
create table if not exists movies (
    id integer primary key autoincrement,
    title text not null,
    description text,
    rating real check (rating >= 0 and rating <= 10),
    release_date text,
    duration integer, -- minutes
    poster_url text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
create table if not exists movie_genres (
    movie_id integer not null references movies (id) on delete cascade,
    genre text not null,
    primary key (movie_id, genre)
);
create table if not exists payments (
    id integer primary key autoincrement,
    user_id integer not null references users (id),
    amount real not null,
    timestamp text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    status text not null default 'completed',
    payment_method text,
    transaction_id text
);
create table if not exists subscriptions (
    id integer primary key autoincrement,
    user_id integer not null references users (id),
    plan_type text not null,
    start_date text not null,
    end_date text not null,
    auto_renew integer not null default 1,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
create table if not exists views (
    id integer primary key autoincrement,
    user_id integer not null references users (id),
    movie_id integer not null references movies (id),
    view_date text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    duration integer, -- seconds
    completed integer not null default 0
);
create table if not exists user_ratings (
    user_id integer not null references users (id),
    movie_id integer not null references movies (id),
    rating integer not null check (rating between 1 and 10),
    review text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    primary key (user_id, movie_id)
);
-- Lists of one user's payments and subscriptions.
create index if not exists payments_user_id on payments (user_id);
create index if not exists subscriptions_user_id on subscriptions (user_id);
