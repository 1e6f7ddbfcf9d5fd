//! Users: a name and an address, each of which only one user can have.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};

use crate::db::{Db, Failed};
use crate::error::Error;
use crate::http::{Api, Fields, Found, Ids, bounded};
use crate::service::Domain;

/// The domain itself.
pub const DOMAIN: Domain = Domain::Stored(routes);

/// A user as clients see them. What a password hash is nobody sees.
#[derive(Debug, Serialize, FromRow)]
struct User {
    id: i64,
    username: String,
    email: String,
}

const SELECT: &str = "select id, coalesce(username, '') as username, coalesce(email, '') as email from users";

fn routes(db: Db) -> Api {
    Api::default().route("/api/users", get(find).post(create).with_state(db))
}

async fn find(State(db): State<Db>, ids: Ids) -> Result<Found<User>, Error> {
    let Some(id) = ids.id()? else {
        let sql = AssertSqlSafe(format!("{SELECT} order by id"));
        return Ok(Found::Many(db.run(async |pool| sqlx::query_as(sql).fetch_all(&pool).await).await?));
    };
    let sql = AssertSqlSafe(format!("{SELECT} where id = $1"));
    let user = db.run(async |pool| sqlx::query_as(sql).bind(id).fetch_optional(&pool).await).await?;
    user.map(Found::One).ok_or_else(|| Error::NotFound(format!("there is no user {id}")))
}

async fn create(State(db): State<Db>, mut fields: Fields) -> Result<(StatusCode, Json<User>), Error> {
    let (username, email) = (fields.text("username")?, fields.text("email")?);
    bounded("username", &username, Some(100))?;
    bounded("email", &email, Some(255))?;
    let begin = db.dialect().begin();
    let inserted = db
        .run(async |pool| {
            let mut all = pool.begin_with(begin).await?;
            // No hash fits the empty one; a column that was made `not null` has a value all the same.
            let sql =
                "insert into users (username, email, password_hash) values ($1, $2, '') returning cast(id as bigint)";
            let id: i64 = sqlx::query_scalar(sql).bind(&username).bind(&email).fetch_one(&mut *all).await?;
            all.commit().await?;
            Ok(id)
        })
        .await;
    let id = inserted.map_err(|failed| match failed {
        Failed::Taken(constraint) if constraint.contains("email") => {
            Error::Taken(format!("the email {email:?} is taken"))
        }
        Failed::Taken(_) => Error::Taken(format!("the username {username:?} is taken")),
        other => other.into(),
    })?;
    Ok((StatusCode::CREATED, Json(User { id, username, email })))
}
