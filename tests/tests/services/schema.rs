//! The services on a database that the existing schema made: its tables, rows and rights stay as they are.

use serde_json::{Value, json};
use tests::folder::{Folder, unique};
use tests::http;
use tests::process::Process;
use tests::servers::{Database, place, run_on_server};

use crate::{Store, System};

/// The contract's tables as another has made them, with rows, among them some that say as little as they may.
const SCHEMA: &str = "
    create table users (id serial primary key, username varchar(100) unique not null, email varchar(255) unique not null,
        password_hash varchar(255) not null, created_at timestamptz default now(), updated_at timestamptz default now());
    create table movies (id serial primary key, title varchar(255) not null, description text,
        rating decimal(3,1) check (rating >= 0 and rating <= 10), release_date date, duration int, poster_url varchar(255),
        created_at timestamptz default now(), updated_at timestamptz default now());
    create table movie_genres (movie_id int references movies on delete cascade, genre varchar(50), primary key (movie_id, genre));
    create table payments (id serial primary key, user_id int references users, amount decimal(10,2) not null,
        timestamp timestamptz default now(), status varchar(50) default 'completed', payment_method varchar(50),
        transaction_id varchar(255));
    create table subscriptions (id serial primary key, user_id int references users, plan_type varchar(50) not null,
        start_date timestamptz not null, end_date timestamptz not null, auto_renew boolean default true,
        created_at timestamptz default now(), updated_at timestamptz default now());
    create table views (id serial primary key, user_id int references users, movie_id int references movies,
        view_date timestamptz default now(), duration int, completed boolean default false);
    create table user_ratings (user_id int references users, movie_id int references movies, rating int check (rating between 1 and 10),
        review text, created_at timestamptz default now(), updated_at timestamptz default now(), primary key (user_id, movie_id));
    insert into users (username, email, password_hash) values ('old', 'old@x', 'hash');
    insert into movies (title) values ('bare');
    insert into movies (title, description, rating) values ('full', 'd', 7.5);
    insert into movie_genres values (2, 'z'), (2, 'a');
    insert into payments (user_id, amount, timestamp) values (1, 12.30, '2020-02-29 23:30:00.25-01'), (1, 1, null);
    insert into subscriptions (user_id, plan_type, start_date, end_date) values (1, 'basic', '2020-01-01', 'infinity');";

fn existing() -> Database {
    let database = Database::new();
    database.run(&[SCHEMA]);
    database
}

/// What every client of the existing database sees.
fn is_served(get: impl Fn(&str) -> Value) {
    assert_eq!(get("/api/users"), json!([{"id": 1, "username": "old", "email": "old@x"}]), "no sample data in it");
    assert_eq!(
        get("/api/movies"),
        json!([
            {"id": 1, "title": "bare", "description": "", "genres": [], "rating": 0.0},
            {"id": 2, "title": "full", "description": "d", "genres": ["a", "z"], "rating": 7.5},
        ])
    );
    assert_eq!(
        get("/api/payments"),
        json!([
            {"id": 1, "user_id": 1, "amount": 12.3, "timestamp": "2020-03-01T00:30:00.25Z"},
            {"id": 2, "user_id": 1, "amount": 1.0, "timestamp": null},
        ])
    );
    assert_eq!(get("/api/subscriptions")[0]["end_date"], json!(null), "no time of the calendar");
}

#[test]
fn the_existing_schema_is_served_as_it_is() {
    let system = System::on(Store::Postgres(existing()));
    is_served(|path| system.found(path));
    let user = system.created("/api/users", &json!({"username": "new", "email": "new@x"}));
    let movie = json!({"title": "n", "description": "", "genres": ["g"], "rating": 1});
    assert_eq!(system.created("/api/movies", &movie)["id"], 3);
    system.created("/api/payments", &json!({"user_id": user["id"], "amount": 1.25}));
    let times = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    let plan = json!({"user_id": user["id"], "plan_type": "p", "start_date": times.0, "end_date": times.1});
    system.created("/api/subscriptions", &plan);
    // A second service, and a second start, find it all done.
    let (_movies, address) = system.service("movies");
    assert_eq!(http::get(address, "/api/movies").json().as_array().unwrap().len(), 3);
    let (_monolith, address) = system.service("monolith");
    assert_eq!(http::get(address, "/api/users").json(), system.found("/api/users"));
}

/// A role that may read and write rows and make nothing; its settings come in parts.
#[test]
fn a_role_that_may_not_make_tables_uses_those_that_are_there() {
    let (database, role) = (existing(), unique("cinema-role").replace('-', "_"));
    database.run(&[&format!(
        "revoke create on schema public from public;
         create role {role} login password 'p@ss w/rd:%';
         grant select, insert on all tables in schema public to {role};
         grant usage on all sequences in schema public to {role}"
    )]);
    let place = place(database.url());
    let (host, port) = place.rsplit_once(':').unwrap();
    let parts = [
        ("DB_HOST", host),
        ("DB_PORT", port),
        ("DB_NAME", database.name()),
        ("DB_USER", &role),
        ("DB_PASSWORD", "p@ss w/rd:%"),
        ("PORT", "0"),
    ];
    let folder = Folder::new();
    let mut process = Process::start("monolith", folder.path(), &parts);
    let address = process.address();
    is_served(|path| http::get(address, path).json());
    let user = http::post(address, "/api/users", &json!({"username": "new", "email": "new@x"}));
    assert_eq!(user.status, 201, "{}", user.text());
    drop(process);
    database.run(&[&format!("drop owned by {role}")]);
    run_on_server(&[&format!("drop role {role}")]);
}
