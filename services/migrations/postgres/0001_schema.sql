-- The cinema's tables, as they are where the system has run before; there every statement finds its table and does nothing.
create table if not exists users (
    id serial primary key,
    username varchar(100) not null unique,
    email varchar(255) not null unique,
    password_hash varchar(255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table if not exists movies (
    id serial primary key,
    title varchar(255) not null,
    description text,
    rating decimal(3,1) check (rating >= 0 and rating <= 10),
    release_date date,
    duration int, -- minutes
    poster_url varchar(255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table if not exists movie_genres (
    movie_id int not null references movies (id) on delete cascade,
    genre varchar(50) not null,
    primary key (movie_id, genre)
);
create table if not exists payments (
    id serial primary key,
    user_id int not null references users (id),
    amount decimal(10,2) not null,
    timestamp timestamptz not null default now(),
    status varchar(50) not null default 'completed',
    payment_method varchar(50),
    transaction_id varchar(255)
);
create table if not exists subscriptions (
    id serial primary key,
    user_id int not null references users (id),
    plan_type varchar(50) not null,
    start_date timestamptz not null,
    end_date timestamptz not null,
    auto_renew boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table if not exists views (
    id serial primary key,
    user_id int not null references users (id),
    movie_id int not null references movies (id),
    view_date timestamptz not null default now(),
    duration int, -- seconds
    completed boolean not null default false
);
create table if not exists user_ratings (
    user_id int not null references users (id),
    movie_id int not null references movies (id),
    rating int not null check (rating between 1 and 10),
    review text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (user_id, movie_id)
);
-- Lists of one user's payments and subscriptions.
create index if not exists payments_user_id on payments (user_id);
create index if not exists subscriptions_user_id on subscriptions (user_id);
