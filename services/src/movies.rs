//! Movies: the first domain to leave the monolith. Both sides serve these routes on one store.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};

use crate::db::Db;
use crate::error::Error;
use crate::http::{Api, Fields, Found, Ids, bounded, health};
use crate::service::Domain;

/// The domain itself.
pub const DOMAIN: Domain = Domain::Stored(routes);

/// The path by which the extracted service, and nothing else, says that it serves.
pub const HEALTH: Domain = Domain::Plain(|| Api::default().route("/api/movies/health", get(health)));

/// A movie as clients see it. Genres are sorted: the table keeps no order of theirs.
#[derive(Debug, Serialize)]
struct Movie {
    id: i64,
    title: String,
    description: String,
    genres: Vec<String>,
    rating: f64,
}

/// One row of a movie and one of its genres.
#[derive(FromRow)]
struct MovieGenre {
    id: i64,
    title: String,
    description: String,
    rating: f64,
    genre: Option<String>,
}

fn routes(db: Db) -> Api {
    Api::default().route("/api/movies", get(find).post(create).with_state(db))
}

async fn find(State(db): State<Db>, ids: Ids) -> Result<Found<Movie>, Error> {
    let Some(id) = ids.id()? else { return Ok(Found::Many(select(&db, None).await?)) };
    match select(&db, Some(id)).await?.pop() {
        Some(movie) => Ok(Found::One(movie)),
        None => Err(Error::NotFound(format!("there is no movie {id}"))),
    }
}

/// All movies, or the one; a single query, whose rows come ordered by id and are folded by it.
async fn select(db: &Db, id: Option<i32>) -> Result<Vec<Movie>, Error> {
    let one = if id.is_some() { "where movies.id = $1" } else { "" };
    let sql = format!(
        "select movies.id, movies.title, coalesce(movies.description, '') as description, genre, \
         coalesce(cast(movies.rating as double precision), 0.0) as rating \
         from movies left join movie_genres on movie_genres.movie_id = movies.id {one} order by movies.id"
    );
    let rows: Vec<MovieGenre> = db
        .run(async |pool| {
            let query = sqlx::query_as(AssertSqlSafe(sql));
            match id {
                Some(id) => query.bind(id).fetch_all(&pool).await,
                None => query.fetch_all(&pool).await,
            }
        })
        .await?;
    let mut movies: Vec<Movie> = Vec::new();
    for MovieGenre { id, title, description, rating, genre } in rows {
        match movies.last_mut() {
            Some(movie) if movie.id == id => movie.genres.extend(genre),
            _ => movies.push(Movie { id, title, description, rating, genres: genre.into_iter().collect() }),
        }
    }
    movies.iter_mut().for_each(|movie| movie.genres.sort_unstable());
    Ok(movies)
}

async fn create(State(db): State<Db>, mut fields: Fields) -> Result<(StatusCode, Json<Movie>), Error> {
    let (title, description) = (fields.text("title")?, fields.text("description")?);
    let (mut genres, rating) = (fields.texts("genres")?, fields.number("rating")?);
    bounded("title", &title, Some(255))?;
    bounded("description", &description, None)?;
    check_genres(&genres)?;
    if !(0.0..=10.0).contains(&rating) {
        return Err(Error::Invalid("rating must be from 0 to 10".to_owned()));
    }
    // As it is stored: one decimal. The sum makes a zero of -0.
    let rating = (rating * 10.0).round() / 10.0 + 0.0;
    genres.sort_unstable();
    let id = insert(&db, &title, &description, rating, &genres).await?;
    Ok((StatusCode::CREATED, Json(Movie { id, title, description, genres, rating })))
}

fn check_genres(genres: &[String]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for genre in genres {
        bounded("genres", genre, Some(50))?;
        if !seen.insert(genre) {
            return Err(Error::Invalid(format!("genres names {genre:?} twice")));
        }
    }
    Ok(())
}

/// The movie with its genres, or nothing of it.
async fn insert(db: &Db, title: &str, description: &str, rating: f64, genres: &[String]) -> Result<i64, Error> {
    let dialect = db.dialect();
    let list = serde_json::Value::from(genres).to_string();
    let id = db
        .run(async |pool| {
            let mut all = pool.begin_with(dialect.begin()).await?;
            let id: i64 = sqlx::query_scalar(
                "insert into movies (title, description, rating) values ($1, $2, $3) returning cast(id as bigint)",
            )
            .bind(title)
            .bind(description)
            .bind(rating)
            .fetch_one(&mut *all)
            .await?;
            let rows = dialect.rows_of("$2");
            let sql =
                format!("insert into movie_genres (movie_id, genre) select cast($1 as integer), value from {rows}");
            sqlx::query(AssertSqlSafe(sql)).bind(id).bind(list).execute(&mut *all).await?;
            all.commit().await?;
            Ok(id)
        })
        .await?;
    Ok(id)
}
