//! Payments: amounts with two decimals, timed by the server.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};

use crate::db::{Db, Failed};
use crate::error::Error;
use crate::http::{Api, Fields, Found, Ids};
use crate::service::Domain;
use crate::time::Timestamp;

/// The domain itself.
pub const DOMAIN: Domain = Domain::Stored(routes);

/// The first amount that the table's ten digits can't hold.
const TOO_MUCH: f64 = 1e8;

/// A payment as clients see it.
#[derive(Debug, Serialize)]
struct Payment {
    id: i64,
    user_id: i64,
    amount: f64,
    /// None only for a row that something else wrote without one.
    timestamp: Option<Timestamp>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    user_id: i64,
    amount: f64,
    timestamp: Option<String>,
}

impl From<Row> for Payment {
    fn from(Row { id, user_id, amount, timestamp }: Row) -> Self {
        Self { id, user_id, amount, timestamp: timestamp.as_deref().and_then(Timestamp::parse) }
    }
}

fn routes(db: Db) -> Api {
    Api::default().route("/api/payments", get(find).post(create).with_state(db))
}

async fn find(State(db): State<Db>, ids: Ids) -> Result<Found<Payment>, Error> {
    if let Some(id) = ids.id()? {
        let found = select(&db, "where id = $1", Some(id)).await?.pop();
        return found.map(Found::One).ok_or_else(|| Error::NotFound(format!("there is no payment {id}")));
    }
    match ids.user_id()? {
        Some(user) => select(&db, "where user_id = $1", Some(user)).await.map(Found::Many),
        None => select(&db, "", None).await.map(Found::Many),
    }
}

async fn select(db: &Db, which: &'static str, id: Option<i32>) -> Result<Vec<Payment>, Error> {
    let timestamp = db.dialect().time_out("payments.timestamp");
    let sql = format!(
        "select id, user_id, coalesce(cast(amount as double precision), 0.0) as amount, {timestamp} as timestamp \
         from payments {which} order by id"
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
    Ok(rows.into_iter().map(Payment::from).collect())
}

async fn create(State(db): State<Db>, mut fields: Fields) -> Result<(StatusCode, Json<Payment>), Error> {
    let (user_id, amount) = (fields.id("user_id")?, fields.number("amount")?);
    let amount = checked(amount)?;
    let timestamp = Timestamp::now();
    let dialect = db.dialect();
    let inserted = db
        .run(async |pool| {
            let mut all = pool.begin_with(dialect.begin()).await?;
            let sql = format!(
                "insert into payments (user_id, amount, timestamp) values ($1, $2, {}) returning cast(id as bigint)",
                dialect.time_in("$3")
            );
            let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(user_id).bind(amount).bind(timestamp.to_string());
            let id: i64 = query.fetch_one(&mut *all).await?;
            all.commit().await?;
            Ok(id)
        })
        .await;
    let id = inserted.map_err(|failed| match failed {
        Failed::Dangling => Error::Invalid(format!("user_id {user_id} does not exist")),
        other => other.into(),
    })?;
    let payment = Payment { id, user_id: user_id.into(), amount, timestamp: Some(timestamp) };
    Ok((StatusCode::CREATED, Json(payment)))
}

/// An amount that the table keeps as it is: not negative, at most two decimals, at most eight digits before them.
fn checked(amount: f64) -> Result<f64, Error> {
    // A number with two decimals is the double nearest to it, and so is the quotient; the sum makes a zero of -0.
    let kept = (amount * 100.0).round() / 100.0 + 0.0;
    if amount < 0.0 {
        Err(Error::Invalid("amount must not be below 0".to_owned()))
    } else if amount >= TOO_MUCH {
        Err(Error::Invalid("amount must be below 100000000".to_owned()))
    } else if kept != amount {
        Err(Error::Invalid("amount must have at most two decimals".to_owned()))
    } else {
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn every_cent_is_kept_and_a_tenth_of_one_is_not() {
        for cents in (0..2_000_000_u64).chain((0..100_000).map(|near| 9_999_999_999 - near)) {
            let written = format!("{}.{:02}", cents / 100, cents % 100);
            let amount: f64 = serde_json::from_str(&written).unwrap();
            assert_eq!(checked(amount), Ok(amount), "{written}");
        }
        for written in ["0.001", "19.999", "99999999.991", "1e-7"] {
            assert!(checked(serde_json::from_str(written).unwrap()).is_err(), "{written}");
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert!(checked(-0.01).is_err());
        assert!(checked(1e8).is_err());
        assert!(checked(1e300).is_err());
        assert!(checked(-0.0).unwrap().is_sign_positive());
    }
}
