//! How a layer that only decides joins the stack: a function from one stage of a request to the next.
//!
//! `tower::filter` would do, but boxes every refusal; `map_request` can't refuse. A stage goes on with the next stage's type, so that two
//! of them swapped do not compile, or breaks off with an answer.

use std::ops::ControlFlow;
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::Response;
use tower::Service;
use tower::layer::{LayerFn, layer_fn};

use super::body::Body;
use super::error::Error;

/// What a request comes to.
pub type Outcome = Result<Response<Body>, Error>;

/// A decision: on to the next stage, or an outcome at once.
pub type Decision<Next> = ControlFlow<Outcome, Next>;

/// Refuses a request.
pub fn refuse<Next>(error: Error) -> Decision<Next> {
    ControlFlow::Break(Err(error))
}

/// Applies a decision to each request before the inner service sees it.
#[derive(Clone, Copy, Debug)]
pub struct Stage<S, D> {
    inner: S,
    decide: D,
}

/// The layer of a decision.
pub fn stage<S, D: Copy>(decide: D) -> LayerFn<impl Fn(S) -> Stage<S, D> + Clone> {
    layer_fn(move |inner| Stage { inner, decide })
}

impl<S, D, Before, After> Service<Before> for Stage<S, D>
where
    S: Service<After, Response = Response<Body>, Error = Error>,
    D: Fn(Before) -> Decision<After>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = Either<Ready<Outcome>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Before) -> Self::Future {
        match (self.decide)(request) {
            ControlFlow::Continue(next) => Either::Right(self.inner.call(next)),
            ControlFlow::Break(outcome) => Either::Left(ready(outcome)),
        }
    }
}
