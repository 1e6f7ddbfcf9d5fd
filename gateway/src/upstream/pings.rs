//! When an HTTP/2 connection is asked whether it still lives. hyper wants timers that any thread may have, which a [`Clock`] is not: a task
//! of the worker has it, and tells.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::sync::oneshot::{Receiver, channel};
use tokio::task::spawn_local;

use crate::clock::Clock;

/// hyper's timers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pings;

impl Timer for Pings {
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + time)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let (mut teller, told) = channel();
        spawn_local(async move {
            let clock = Clock::new();
            poll_fn(|cx| match teller.poll_closed(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => clock.poll(cx, Some(deadline.into())),
            })
            .await;
            // Who does not wait any more need not know.
            let _nobody = teller.send(());
        });
        Box::pin(Told(told))
    }
}

struct Told(Receiver<()>);

impl Future for Told {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Sleep for Told {}
