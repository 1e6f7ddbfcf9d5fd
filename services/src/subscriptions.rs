//! Subscriptions: a user's plan from a start to an end.

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
use crate::time::Timestamp;

/// The domain itself.
pub const DOMAIN: Domain = Domain::Stored(routes);

/// A subscription as clients see it.
#[derive(Debug, Serialize)]
struct Subscription {
    id: i64,
    user_id: i64,
    plan_type: String,
    /// None, here and below, only for a row that something else wrote without one.
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    user_id: i64,
    plan_type: String,
    start_date: Option<String>,
    end_date: Option<String>,
}

impl From<Row> for Subscription {
    fn from(Row { id, user_id, plan_type, start_date, end_date }: Row) -> Self {
        let time = |text: Option<String>| text.as_deref().and_then(Timestamp::parse);
        Self { id, user_id, plan_type, start_date: time(start_date), end_date: time(end_date) }
    }
}

fn routes(db: Db) -> Api {
    Api::default().route("/api/subscriptions", get(find).post(create).with_state(db))
}

async fn find(State(db): State<Db>, ids: Ids) -> Result<Found<Subscription>, Error> {
    if let Some(id) = ids.id()? {
        let found = select(&db, "where id = $1", Some(id)).await?.pop();
        return found.map(Found::One).ok_or_else(|| Error::NotFound(format!("there is no subscription {id}")));
    }
    match ids.user_id()? {
        Some(user) => select(&db, "where user_id = $1", Some(user)).await.map(Found::Many),
        None => select(&db, "", None).await.map(Found::Many),
    }
}

async fn select(db: &Db, which: &'static str, id: Option<i32>) -> Result<Vec<Subscription>, Error> {
    let time = |column: &str| db.dialect().time_out(&format!("subscriptions.{column}"));
    let sql = format!(
        "select id, user_id, coalesce(plan_type, '') as plan_type, {} as start_date, {} as end_date \
         from subscriptions {which} order by id",
        time("start_date"),
        time("end_date")
    );
    let rows: Vec<Row> = db
        .run(async |pool| {
            let query = sqlx::query_as(AssertSqlSafe(sql));
            match id {
                Some(id) => query.bind(id).fetch_all(&pool).await,
                None => query.fetch_all(&pool).await,
            }
        })
        .await?;
    Ok(rows.into_iter().map(Subscription::from).collect())
}

async fn create(State(db): State<Db>, mut fields: Fields) -> Result<(StatusCode, Json<Subscription>), Error> {
    let (user_id, plan_type) = (fields.id("user_id")?, fields.text("plan_type")?);
    let (start_date, end_date) = (fields.time("start_date")?, fields.time("end_date")?);
    bounded("plan_type", &plan_type, Some(50))?;
    if end_date < start_date {
        return Err(Error::Invalid("end_date must not be before start_date".to_owned()));
    }
    let id = insert(&db, user_id, &plan_type, start_date, end_date).await?;
    let (start_date, end_date) = (Some(start_date), Some(end_date));
    Ok((StatusCode::CREATED, Json(Subscription { id, user_id: user_id.into(), plan_type, start_date, end_date })))
}

async fn insert(db: &Db, user_id: i32, plan_type: &str, start: Timestamp, end: Timestamp) -> Result<i64, Error> {
    let dialect = db.dialect();
    let inserted = db
        .run(async |pool| {
            let mut all = pool.begin_with(dialect.begin()).await?;
            let sql = format!(
                "insert into subscriptions (user_id, plan_type, start_date, end_date) values ($1, $2, {}, {}) \
                 returning cast(id as bigint)",
                dialect.time_in("$3"),
                dialect.time_in("$4")
            );
            let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(user_id).bind(plan_type);
            let id: i64 = query.bind(start.to_string()).bind(end.to_string()).fetch_one(&mut *all).await?;
            all.commit().await?;
            Ok(id)
        })
        .await;
    inserted.map_err(|failed| match failed {
        Failed::Dangling => Error::Invalid(format!("user_id {user_id} does not exist")),
        other => other.into(),
    })
}
