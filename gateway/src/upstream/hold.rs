//! `Expect: 100-continue`: a body that is held back until the upstream asks for it.
//!
//! hyper tells the client to go on as soon as anybody asks for its body. So nobody asks before the upstream has said 100; where it says
//! its final answer instead, the body is never asked for, and neither side's connection is used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::{Request, StatusCode};

/// Whether a body may go. Atomic only because hyper asks for `Send`; one thread uses it.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold(Arc<AtomicBool>);

impl Hold {
    /// Lets the body of this request go once its upstream says 100.
    pub(super) fn until_told<B>(request: &mut Request<B>) -> Self {
        let hold = Self::default();
        let told = hold.clone();
        hyper::ext::on_informational(request, move |answer| {
            if answer.status() == StatusCode::CONTINUE {
                told.let_go();
            }
        });
        hold
    }

    pub(super) fn let_go(&self) {
        self.0.store(true, Relaxed);
    }

    pub(super) fn holds(&self) -> bool {
        !self.0.load(Relaxed)
    }
}
