//! What wakes a worker at a moment: one more descriptor to the runtime where the system has such (timerfd), elsewhere one of the runtime's timers.

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;

#[cfg(target_os = "linux")]
mod system {
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };
    use tokio::net::unix::pipe::Receiver;

    use super::{Builder, Duration, io};

    pub fn enable(runtime: &mut Builder) -> &mut Builder {
        runtime.enable_io()
    }

    /// One moment to be woken at.
    // What is read like a pipe, as far as the runtime sees; its type for any descriptor asks for `unsafe`.
    #[derive(Debug)]
    pub struct Alarm(Receiver);

    impl Alarm {
        pub fn new() -> io::Result<Self> {
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            Receiver::from_owned_fd_unchecked(timer).map(Self)
        }

        pub fn set(&self, after: Duration) -> io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let it_value = Timespec::try_from(after).unwrap_or(Timespec { tv_sec: i64::MAX, ..zero });
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: zero, it_value })?;
            Ok(())
        }

        pub async fn rings(&self) -> io::Result<()> {
            loop {
                self.0.readable().await?;
                // How often it has rung. Not at all where it was set anew meanwhile.
                match self.0.try_read(&mut [0; size_of::<u64>()]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return read.map(drop),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::pin::Pin;

    use tokio::time::{Instant, Sleep, sleep};

    use super::{Builder, Duration, io};

    const NEVER: Duration = Duration::from_secs(1 << 30);

    pub fn enable(runtime: &mut Builder) -> &mut Builder {
        runtime.enable_all()
    }

    /// One moment to be woken at.
    #[derive(Debug)]
    pub struct Alarm(RefCell<Pin<Box<Sleep>>>);

    impl Alarm {
        pub fn new() -> io::Result<Self> {
            Ok(Self(RefCell::new(Box::pin(sleep(NEVER)))))
        }

        pub fn set(&self, after: Duration) -> io::Result<()> {
            self.0.borrow_mut().as_mut().reset(Instant::now() + after);
            Ok(())
        }

        pub async fn rings(&self) -> io::Result<()> {
            poll_fn(|cx| self.0.borrow_mut().as_mut().poll(cx)).await;
            self.set(NEVER)
        }
    }
}

pub use system::{Alarm, enable};
